"""Pools: every connection serves as one of the two roles, whoever logged in."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from service.settings import Role
from service.store.embedded import Running
from service.store.pool import ROLE_OF, Pool, RoleError, make_pool
from tests.kit.database import Database

WHO = """
SELECT current_user, session_user, current_setting('statement_timeout'),
       current_setting('lock_timeout'), current_setting('log_error_verbosity')
"""


@asynccontextmanager
async def a_role(database: Database, *options: str) -> AsyncGenerator[str]:
    """A role of the cluster for one test."""
    name = f"who_{secrets.token_hex(4)}"
    async with database.as_owner() as conn:
        await conn.execute(f"CREATE ROLE {name} {' '.join(options)}")
        try:
            yield name
        finally:
            await conn.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_a_login_of_the_role_serves_as_it_with_its_time_outs(web_pool: Pool) -> None:
    seen = await web_pool.fetchrow(WHO)

    assert seen is not None
    assert tuple(seen) == ("tpi_app", "tpi_app", "5s", "2s", "terse")


@pytest.mark.parametrize(("role", "name"), list(ROLE_OF.items()))
async def test_a_superuser_drops_to_the_role(database: Database, role: Role, name: str) -> None:
    async with make_pool(database.urls.owner, role=role, least=1) as pool:
        seen = await pool.fetchrow(WHO)

    assert seen is not None
    assert tuple(seen) == (name, "tpi", "5s", "2s", "terse")


async def test_a_login_that_may_become_the_role_becomes_it(
    database: Database, postgres: Running
) -> None:
    async with a_role(database, "LOGIN IN ROLE tpi_app") as login:
        url = postgres.url(database.name, user=login)
        async with make_pool(url, role="web", least=1) as pool:
            seen = await pool.fetchrow(WHO)

    assert seen is not None
    assert tuple(seen)[:4] == ("tpi_app", login, "5s", "2s")


async def test_a_login_that_may_not_become_the_role_is_refused(
    database: Database, postgres: Running
) -> None:
    async with a_role(database, "LOGIN") as login:
        url = postgres.url(database.name, user=login)

        with pytest.raises(RoleError, match="tpi migrate roles"):
            await make_pool(url, role="web", least=1)


@pytest.mark.parametrize("strength", ["SUPERUSER", "BYPASSRLS", "IN ROLE tpi_owner"])
async def test_a_role_that_sees_through_the_walls_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch, strength: str
) -> None:
    async with a_role(database, strength) as strong:
        monkeypatch.setitem(ROLE_OF, "web", strong)

        with pytest.raises(RoleError, match="row security would not hold"):
            await make_pool(database.urls.owner, role="web", least=1)


async def test_the_role_stays_when_a_connection_comes_back(database: Database) -> None:
    async with make_pool(database.urls.owner, role="worker", least=1, most=1) as pool:
        seen = [await pool.fetchval("SELECT current_user") for _ in range(3)]

    assert seen == ["tpi_worker"] * 3
