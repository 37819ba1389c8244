"""The three roles of a cluster: who owns, who serves, who works (STORAGE §3, DECISIONS 27).

Made once per cluster by whoever may; where this login may not, the SQL is handed back to be run
by one who may. Roles belong to the cluster and advisory locks to a database, so a second run at
the same moment, from another database, is met by looking first and by trying again.
"""

from typing import Final, TypeAlias

import asyncpg
import stamina

Direct: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection of its own, not lent by a pool."""

OWNER_ROLE: Final = "tpi_owner"
ROLES: Final = (OWNER_ROLE, "tpi_app", "tpi_worker")
SERVING: Final = ROLES[1:]

TIME_OUTS: Final = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}
"""SECURITY L20: for a login of the role; where the role is set at connect, the pool sets them."""

PLANS: Final = {"enable_seqscan": "off", "jit": "off"}
"""How statements are planned: kept as long as the connection, made perhaps over empty tables. One
that read a table whole while it was small would do so until statistics are taken again; every
statement here has a key to read by. Compiling takes longer than any of them runs.
"""

QUIET: Final = {
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_min_messages": "fatal",
    "log_parameter_max_length_on_error": "0",
}
"""What keeps patients out of the server's log (SECURITY T51); a superuser may set it."""

_RACED: Final = (
    asyncpg.DuplicateObjectError,
    asyncpg.UniqueViolationError,
    asyncpg.InternalServerError,  # "tuple concurrently updated"
)


async def make_roles(conn: Direct, *, login: bool) -> tuple[str, ...]:
    """Make what is missing and return the SQL that this login may not run; none: all stands.

    `login=True` is for the private server, where the socket's folder is the wall: the roles log
    in without a password. Elsewhere they are granted to this login, which becomes them.
    """
    statements = await missing(conn, login=login)
    return tuple([one for one in statements if not await _run(conn, one)])


async def missing(conn: Direct, *, login: bool) -> tuple[str, ...]:
    """Return the SQL that this cluster still needs for the roles and what is logged of them."""
    found = {str(row["rolname"]): row for row in await conn.fetch(_STANDING, list(ROLES))}
    me = str(await conn.fetchval("SELECT format('%I', session_user)"))
    statements: list[str] = []
    for role in ROLES:
        can_login = "LOGIN" if login and role in SERVING else "NOLOGIN"
        row = found.get(role)
        if row is None:
            statements.append(f"CREATE ROLE {role} {can_login}")
        elif can_login == "LOGIN" and not row["rolcanlogin"]:
            statements.append(f"ALTER ROLE {role} LOGIN")
        if not (row and row["member"]) and not login:
            statements.append(f"GRANT {role} TO {me}")
    for role in SERVING:
        settings = set(found[role]["settings"]) if role in found else set[str]()
        statements += [
            f"ALTER ROLE {role} SET {name} = '{value}'"
            for name, value in (TIME_OUTS | PLANS | QUIET).items()
            if f"{name}={value}" not in settings
        ]
    return tuple(statements)


async def _run(conn: Direct, statement: str) -> bool:
    """Run one statement; say whether this login may."""
    try:
        async for attempt in stamina.retry_context(
            on=_RACED, attempts=5, timeout=None, wait_initial=0.02, wait_jitter=0.05
        ):
            with attempt:
                await conn.execute(statement)
    except asyncpg.DuplicateObjectError:
        return True  # another run made it at the same moment
    except asyncpg.UniqueViolationError:
        return True  # the same, seen a moment earlier
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


_STANDING: Final = """
SELECT rolname, rolcanlogin,
       pg_has_role(
           session_user, r.oid,
           CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET'
                ELSE 'MEMBER' END
       ) AS member,
       coalesce(s.setconfig, '{}') AS settings
FROM pg_roles r
LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0
WHERE rolname = ANY ($1)
"""
