"""Connections to PostgreSQL: a pool per role, and a direct one for migrations (STORAGE §6).

Every connection serves as `tpi_app` or `tpi_worker` and as nothing else: a login that is more
(the owner, a superuser) drops to the role when it connects, one that cannot is refused.
"""

from typing import Final, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from service.settings import Role
from service.store.roles import OWNER_ROLE, PLANS, QUIET, TIME_OUTS, Direct

# asyncpg's classes are generic for the checker only: the aliases are quoted here, used everywhere
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Conn: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
"""What a pool lends."""

ROLE_OF: Final[dict[Role, str]] = {"web": "tpi_app", "worker": "tpi_worker"}
MOST_OF: Final[dict[Role, int]] = {"web": 10, "worker": 5}  # L21

_CONNECT_SECONDS: Final = 5.0
_COMMAND_SECONDS: Final = 10.0
"""A query on a connection that was dropped silently would wait for ever."""
_IDLE_SECONDS: Final = 60.0


class RoleError(Exception):
    """The login cannot serve: it is too strong and cannot drop, or too weak. Says the repair."""


def make_pool(url: str, *, role: Role, least: int = 4, most: int | None = None) -> Pool:
    """Make the pool of one process; it opens by `async with`, in the loop that uses it.

    No session state is ever set but the role, so nothing is reset at release: asyncpg's own
    reset costs a round trip, a quarter of one client's throughput.

    Raises RoleError when it opens: the login is not, and cannot become, the role's.
    """
    most = most or MOST_OF[role]

    async def take_role(conn: Direct) -> None:
        await _take_role(conn, ROLE_OF[role])

    return asyncpg.create_pool(
        url,
        min_size=min(least, most),
        max_size=most,
        timeout=_CONNECT_SECONDS,
        command_timeout=_COMMAND_SECONDS,
        max_inactive_connection_lifetime=_IDLE_SECONDS,
        target_session_attrs=SessionAttribute.read_write,
        server_settings={"application_name": f"tpi-{role}"},
        init=take_role,
        reset=_nothing_to_reset,
    )


async def connect(url: str) -> Direct:
    """Open a direct connection as the login itself: the owner's, to migrate."""
    return await asyncpg.connect(
        url, timeout=_CONNECT_SECONDS, server_settings={"application_name": "tpi-migrate"}
    )


async def _nothing_to_reset(_: Direct) -> None:
    """Tenant and placer are of the transaction, the role stays."""


async def _take_role(conn: Direct, role: str) -> None:
    """Become `role` unless the login is it, and refuse what would see through the walls."""
    if await conn.fetchval("SELECT current_user") != role:
        await _drop_to(conn, role)
    too_strong = await conn.fetchval(
        "SELECT rolsuper OR rolbypassrls OR pg_has_role(oid, $1, 'MEMBER')"
        " FROM pg_roles WHERE rolname = current_user",
        OWNER_ROLE,
    )
    if too_strong:
        raise RoleError(
            f"{role} is a superuser, has BYPASSRLS or may become {OWNER_ROLE}: row security would"
            f" not hold. Let an administrator run: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;"
            f" REVOKE {OWNER_ROLE} FROM {role};"
        )


async def _drop_to(conn: Direct, role: str) -> None:
    """Set the role and what a login of the role would have got: time-outs, plans, a quiet log."""
    login = await conn.fetchrow(_LOGIN, role)
    if login is None or not login["becomes"]:
        raise RoleError(
            f"This login is not {role} and may not become it. Run `tpi migrate roles`, or name a"
            " login that may in TPI_WEB_DATABASE_URL or TPI_WORKER_DATABASE_URL."
        )
    wanted = TIME_OUTS | PLANS | (QUIET if login["rolsuper"] else {})
    for name, value in wanted.items():
        await conn.execute("SELECT set_config($1, $2, false)", name, value)
    await conn.execute(f"SET ROLE {role}")


# From 16 on a membership may be without the right to SET ROLE.
_LOGIN: Final = """
SELECT me.rolsuper,
       pg_has_role(
           me.oid, wanted.oid,
           CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET'
                ELSE 'MEMBER' END
       ) AS becomes
FROM pg_roles AS me, pg_roles AS wanted
WHERE me.rolname = session_user AND wanted.rolname = $1
"""
