"""Migrations: in order, each once, by whom they should be, and nothing half done."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import asyncpg
import pytest

from service.store import migrate
from service.store.embedded import Running
from service.store.migrate import Migration, SchemaError
from service.store.pool import connect
from service.store.roles import Direct, make_roles, missing
from tests.kit import database as kit
from tests.kit.database import Database, answered

FIRST = Migration(name="0001_first", text="CREATE TABLE one (n int);")
SECOND = Migration(name="0002_second", text="CREATE TABLE two (n int);")

WAITING_SINCE = """
SELECT xact_start::text FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def empty(postgres: Running, template: str, janitor: ThreadPoolExecutor) -> Generator[Database]:
    """A database without a schema, in a cluster whose roles stand."""
    del template  # whoever made it made the roles
    with kit.fresh(postgres, "template0", janitor) as fresh:
        yield fresh


@asynccontextmanager
async def a_login(database: Database) -> AsyncGenerator[str]:
    """A login that owns the database and nothing else: neither superuser nor CREATEROLE."""
    name = f"op_{secrets.token_hex(4)}"
    async with database.as_owner() as conn:
        await conn.execute(
            f"CREATE ROLE {name} LOGIN; ALTER DATABASE {database.name} OWNER TO {name}"
        )
        try:
            yield name
        finally:
            await conn.execute(f"REASSIGN OWNED BY {name} TO tpi; DROP OWNED BY {name}")
            await conn.execute(f"DROP ROLE {name}")


async def tables(conn: Direct) -> set[str]:
    rows = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {str(row[0]) for row in rows} - {"schema_migration"}


async def test_the_files_we_ship_apply_once(empty: Database) -> None:
    async with empty.as_owner() as conn:
        first = await migrate.up(conn)
        second = await migrate.up(conn)
        await migrate.expect_schema(conn)
        owners = await conn.fetch(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        )

    assert first == migrate.shipped()
    assert second == ()
    assert [str(row[0]) for row in owners] == ["tpi_owner"]


async def test_two_runs_at_once_apply_each_file_once(empty: Database) -> None:
    async with empty.as_owner() as one, empty.as_owner() as other:
        done = await asyncio.gather(
            migrate.up(one, [FIRST, SECOND]), migrate.up(other, [FIRST, SECOND])
        )
        found = await tables(one)

    assert sorted(len(files) for files in done) == [0, 2]
    assert found == {"one", "two"}


async def test_a_changed_file_stops_the_run_before_anything_is_applied(empty: Database) -> None:
    changed = Migration(name=FIRST.name, text=FIRST.text + "-- changed")
    async with empty.as_owner() as conn:
        await migrate.up(conn, [FIRST])

        with pytest.raises(SchemaError, match="0001_first is not the one that was applied"):
            await migrate.up(conn, [changed, SECOND])

        assert await tables(conn) == {"one"}


async def test_an_older_and_a_newer_schema_are_refused_at_start(empty: Database) -> None:
    async with empty.as_owner() as conn:
        await migrate.up(conn, [FIRST, SECOND])
        third = Migration(name="0003_third", text="SELECT 1;")

        with pytest.raises(SchemaError, match="lacks 0003_third"):
            await migrate.expect_schema(conn, [FIRST, SECOND, third])
        with pytest.raises(SchemaError, match="newer version was here: it applied 0002_second"):
            await migrate.expect_schema(conn, [FIRST])
        with pytest.raises(SchemaError, match="newer version was here"):
            await migrate.up(conn, [FIRST])


async def test_an_empty_database_says_what_it_lacks(empty: Database) -> None:
    async with empty.as_owner() as conn:
        found = await migrate.status(conn, [FIRST])

    assert (found.applied, found.pending) == ((), (FIRST,))


async def test_a_file_that_fails_leaves_nothing_and_the_next_run_goes_on(empty: Database) -> None:
    broken = Migration(name=SECOND.name, text=SECOND.text + " CREATE TABLE one (n int);")
    async with empty.as_owner() as conn:
        with pytest.raises(asyncpg.DuplicateTableError):
            await migrate.up(conn, [FIRST, broken])
        standing = await tables(conn)

        resumed = await migrate.up(conn, [FIRST, SECOND])

        assert standing == {"one"}
        assert resumed == (SECOND,)
        assert await conn.fetchval("SELECT current_user") == "tpi"


async def test_an_index_is_built_beside_the_work_and_an_invalid_one_goes_first(
    empty: Database,
) -> None:
    beside = Migration(
        name="0002_beside",
        text="-- no-transaction\n"
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_n ON one (n);\n",
    )
    async with empty.as_owner() as conn:
        await migrate.up(conn, [FIRST])
        await conn.execute("INSERT INTO one VALUES (1), (1)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await migrate.up(conn, [FIRST, beside])
        await conn.execute("TRUNCATE one")

        await migrate.up(conn, [FIRST, beside])

        assert await conn.fetchval(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_n'::regclass"
        )


async def test_a_lock_that_is_not_had_in_time_is_asked_for_again(empty: Database) -> None:
    patient = Migration(
        name="0002_patient", text="SET LOCAL lock_timeout = '50ms'; ALTER TABLE one ADD m int;"
    )
    async with empty.as_owner() as conn, empty.as_owner() as other, empty.as_owner() as watch:
        await migrate.up(conn, [FIRST])
        holding = other.transaction()
        await holding.start()
        await other.execute("LOCK TABLE one")

        run = asyncio.create_task(migrate.up(conn, [FIRST, patient]))
        first = await answered(watch, WAITING_SINCE, other_than=None)
        await answered(watch, WAITING_SINCE, other_than=first)  # it waits a second time
        await holding.rollback()

        assert await run == (patient,)


async def test_up_needs_neither_superuser_nor_the_right_to_make_roles(
    empty: Database, postgres: Running
) -> None:
    async with a_login(empty) as name:
        async with empty.as_owner() as owner:
            await owner.execute(f"GRANT tpi_owner, tpi_app, tpi_worker TO {name}")
        conn = await connect(postgres.url(empty.name, user=name))
        try:
            applied = await migrate.up(conn)
        finally:
            await conn.close()

    assert applied == migrate.shipped()


async def test_a_login_that_may_not_is_told_what_to_run(empty: Database, postgres: Running) -> None:
    async with a_login(empty) as name:
        conn = await connect(postgres.url(empty.name, user=name))
        try:
            with pytest.raises(SchemaError, match="tpi migrate roles"):
                await migrate.up(conn)
            refused = await make_roles(conn, login=False)
        finally:
            await conn.close()

    assert f"GRANT tpi_owner TO {name}" in refused


async def test_roles_are_made_once(empty: Database) -> None:
    async with empty.as_owner() as conn:
        await make_roles(conn, login=True)

        assert await missing(conn, login=True) == ()


async def test_the_service_may_read_the_history_of_the_schema_and_not_write_it(
    database: Database,
) -> None:
    async with database.as_owner() as conn:
        rights = [
            await conn.fetchval(
                "SELECT has_table_privilege($1, 'schema_migration', $2)", role, right
            )
            for role in ("tpi_app", "tpi_worker")
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
        ]

    assert rights == [True, False, False, False] * 2


def test_files_are_numbered_without_gap_or_double() -> None:
    numbers = [int(one.name[:4]) for one in migrate.shipped()]

    assert numbers == list(range(1, len(numbers) + 1))
