"""The owner's connections: what a command of an operator changes (clinic, placers, tokens).

Web and worker can read these tables and not write them; whoever holds the owner's URL may.
"""

import asyncpg

from service.store.pool import Pool
from service.store.roles import OWNER_ROLE, Direct

_CONNECT_SECONDS = 5.0


def make_owner_pool(url: str) -> Pool:
    """Make the pool of one command; it opens by `async with`.

    Row security is enabled and not forced (DECISIONS 11): the owner of the tables sees all rows,
    so every statement names its tenant.
    """
    return asyncpg.create_pool(
        url,
        min_size=1,
        max_size=2,
        timeout=_CONNECT_SECONDS,
        server_settings={"application_name": "tpi-owner"},
        init=_become_owner,
        reset=_nothing_to_reset,
    )


async def _become_owner(conn: Direct) -> None:
    await conn.execute(f"SET ROLE {OWNER_ROLE}")


async def _nothing_to_reset(_: Direct) -> None:
    """Tenant and placer are of the transaction, the role stays."""
