"""A transaction: who asks, what stays when somebody gives up, what a fault is called."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

import anyio
import pytest

from fhir_mappings.problems import Code, Refused
from service.store.pool import Pool, make_pool
from service.store.refused import Again
from service.store.roles import Direct
from service.store.transaction import EVERY_PLACER, lock_key, retried, transaction
from tests.kit.database import Database, answered

CLINIC = UUID(int=1)
PLACER = UUID(int=2)
GATE = 7

# A table whose COMMIT waits at a gate: a deferred trigger asks for an advisory lock.
PLAY = f"""
CREATE SCHEMA play;
CREATE TABLE play.kept (
    n int CONSTRAINT kept_key PRIMARY KEY,
    span tstzrange DEFAULT 'empty',
    CONSTRAINT hold_no_overlap_location EXCLUDE USING gist (span WITH &&)
);
CREATE FUNCTION play.gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock({GATE}); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON play.kept DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION play.gate();
GRANT USAGE ON SCHEMA play TO tpi_app;
GRANT SELECT, INSERT, UPDATE ON play.kept TO tpi_app;
"""
AT_THE_GATE = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
async def owner(database: Database) -> AsyncGenerator[Direct]:
    """The owner's connection to a database with the play table."""
    async with database.as_owner() as conn:
        await conn.execute(PLAY)
        yield conn


@pytest.fixture
async def one(owner: Direct, database: Database) -> AsyncGenerator[Pool]:
    """A pool of a single connection: what does not come back is missed at once."""
    del owner
    async with make_pool(database.urls.web, role="web", least=1, most=1) as pool:
        yield pool


async def keep(pool: Pool, n: int) -> None:
    async with transaction(pool, tenant=CLINIC, placer=EVERY_PLACER) as conn:
        await conn.execute("INSERT INTO play.kept (n) VALUES ($1)", n)


async def kept(conn: Direct) -> list[int]:
    return [int(row[0]) for row in await conn.fetch("SELECT n FROM play.kept ORDER BY n")]


async def at_the_gate(owner: Direct) -> int:
    """Wait until a COMMIT waits at the gate; say which server process it is."""
    return int(str(await answered(owner, AT_THE_GATE)))


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[Code]:
    return [problem.code for problem in refused.value.problems]


async def test_tenant_and_placer_are_set_before_the_first_statement(web_pool: Pool) -> None:
    async with transaction(web_pool, tenant=CLINIC, placer=str(PLACER)) as conn:
        seen = await conn.fetchrow("SELECT current_tenant(), current_placer()")

    assert seen is not None
    assert tuple(seen) == (CLINIC, str(PLACER))


async def test_after_the_transaction_nothing_is_set(one: Pool) -> None:
    async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER):
        pass

    assert await one.fetchval("SELECT current_tenant()") is None
    assert await one.fetchval("SELECT current_placer()") is None


async def test_a_placer_that_is_no_id_never_reaches_the_server(one: Pool) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        async with transaction(one, tenant=CLINIC, placer="x', true); DROP TABLE play.kept; --"):
            pass


@pytest.mark.parametrize("question", ["SELECT count(*) FROM tenant", "SELECT count(*) FROM placer"])
async def test_without_settings_there_are_no_rows(owner: Direct, one: Pool, question: str) -> None:
    await owner.execute(
        "INSERT INTO tenant (tenant, name, zone, organization, made_at)"
        " VALUES ($1, 'clinic', 'UTC', 'o', now())",
        CLINIC,
    )
    await owner.execute(
        "INSERT INTO placer (tenant, id, name, client, made_at) VALUES ($1, $2, 'p', 'c', now())",
        CLINIC,
        PLACER,
    )

    unset = await one.fetchval(question)
    async with transaction(one, tenant=CLINIC, placer=str(PLACER)) as conn:
        own = await conn.fetchval(question)
    async with transaction(one, tenant=UUID(int=9), placer=EVERY_PLACER) as conn:
        foreign = await conn.fetchval(question)

    assert (unset, own, foreign) == (0, 1, 0)


async def test_what_raises_inside_leaves_nothing_behind(owner: Direct, one: Pool) -> None:
    async def flow() -> None:
        async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER) as conn:
            await conn.execute("INSERT INTO play.kept (n) VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await flow()
    await keep(one, 2)

    assert await kept(owner) == [2]


async def test_a_cancelled_commit_still_finishes_and_gives_its_connection_back(
    owner: Direct, one: Pool
) -> None:
    await owner.execute("SELECT pg_advisory_lock($1)", GATE)
    flow = asyncio.create_task(keep(one, 1))
    await at_the_gate(owner)

    flow.cancel()
    await asyncio.sleep(0)
    await owner.execute("SELECT pg_advisory_unlock($1)", GATE)

    with pytest.raises(asyncio.CancelledError):
        await flow
    assert await kept(owner) == [1]
    assert one.get_idle_size() == 1


async def test_a_commit_under_a_cancelled_scope_finishes_too(owner: Direct, one: Pool) -> None:
    await owner.execute("SELECT pg_advisory_lock($1)", GATE)
    async with anyio.create_task_group() as group:
        group.start_soon(keep, one, 1)
        await at_the_gate(owner)

        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await owner.execute("SELECT pg_advisory_unlock($1)", GATE)

    assert await kept(owner) == [1]
    assert one.get_idle_size() == 1


async def test_two_hundred_aborts_at_any_moment_leave_every_connection_free(
    owner: Direct, database: Database
) -> None:
    async with make_pool(database.urls.web, role="web", least=2, most=2) as pool:
        for n in range(200):
            flow = asyncio.create_task(keep(pool, n))
            for _ in range(n % 25):
                await asyncio.sleep(0)
            flow.cancel()
            await asyncio.wait({flow})
        idle = pool.get_idle_size()
        await keep(pool, 1_000)
        busy = await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tpi_app'"
            " AND datname = current_database() AND state LIKE 'idle in transaction%'"
        )

    assert (idle, busy) == (2, 0)


async def test_a_commit_whose_answer_is_lost_claims_nothing(owner: Direct, one: Pool) -> None:
    await owner.execute("SELECT pg_advisory_lock($1)", GATE)
    flow = asyncio.create_task(keep(one, 1))

    await owner.execute("SELECT pg_terminate_backend($1)", await at_the_gate(owner))

    with pytest.raises(Refused) as refused:
        await flow
    assert codes(refused) == [Code.CONFIRMATION_LOST]


async def test_a_connection_that_dies_is_a_database_away_and_the_next_one_works(
    owner: Direct, one: Pool
) -> None:
    async def flow() -> None:
        async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER) as conn:
            pid = await conn.fetchval("SELECT pg_backend_pid()")
            await owner.execute("SELECT pg_terminate_backend($1)", pid)
            await conn.fetchval("SELECT 1")

    with pytest.raises(Refused) as refused:
        await flow()
    await keep(one, 1)

    assert codes(refused) == [Code.DATABASE_AWAY]
    assert await kept(owner) == [1]


@pytest.mark.parametrize(
    ("limit", "statement"),
    [("statement_timeout", "SELECT pg_sleep(5)"), ("lock_timeout", "LOCK TABLE play.kept")],
)
async def test_a_time_out_is_busy(owner: Direct, one: Pool, limit: str, statement: str) -> None:
    async def flow() -> None:
        async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER) as conn:
            await conn.execute(f"SET LOCAL {limit} = '20ms'")
            await conn.execute(statement)

    async with owner.transaction():
        await owner.execute("GRANT ALL ON play.kept TO tpi_app; LOCK TABLE play.kept")
    async with owner.transaction():
        await owner.execute("LOCK TABLE play.kept")
        with pytest.raises(Refused) as refused:
            await flow()

    assert codes(refused) == [Code.BUSY]


async def test_a_server_without_a_free_connection_is_a_database_away(
    owner: Direct, database: Database, one: Pool
) -> None:
    await owner.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT 1")
    await one.expire_connections()

    with pytest.raises(Refused) as refused:
        await keep(one, 1)
    await owner.execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")
    await keep(one, 2)

    assert codes(refused) == [Code.DATABASE_AWAY]
    assert await kept(owner) == [2]


async def test_a_standby_is_a_database_away_and_its_connections_are_dropped(one: Pool) -> None:
    async def flow() -> None:
        async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER) as conn:
            await conn.execute("SET TRANSACTION READ ONLY")
            await conn.execute("INSERT INTO play.kept (n) VALUES (1)")

    before = await one.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(Refused) as refused:
        await flow()
    after = await one.fetchval("SELECT pg_backend_pid()")

    assert codes(refused) == [Code.DATABASE_AWAY]
    assert after != before


async def test_a_server_that_only_reads_is_not_connected_to(
    owner: Direct, database: Database, one: Pool
) -> None:
    await owner.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    await one.expire_connections()

    with pytest.raises(Refused) as refused:
        await keep(one, 1)

    assert codes(refused) == [Code.DATABASE_AWAY]


async def test_a_full_pool_is_busy(one: Pool) -> None:
    async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER):
        with pytest.raises(Refused) as refused:
            await keep(one, 1)

    assert codes(refused) == [Code.BUSY]


async def test_a_swallowed_error_is_not_a_commit(one: Pool) -> None:
    async def flow() -> None:
        async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER) as conn:
            with pytest.raises(Exception, match="division"):
                await conn.fetchval("SELECT 1 / 0")

    with pytest.raises(RuntimeError, match="swallowed"):
        await flow()


async def test_a_constraint_is_told_by_what_it_keeps(one: Pool) -> None:
    async def hold(n: int) -> None:
        async with transaction(one, tenant=CLINIC, placer=EVERY_PLACER) as conn:
            await conn.execute(
                "INSERT INTO play.kept VALUES ($1, '[2026-01-05 09:00Z, 2026-01-05 10:00Z)')", n
            )

    await hold(1)
    with pytest.raises(Refused) as refused:
        await hold(2)

    assert codes(refused) == [Code.WINDOW_TAKEN]


async def test_crossed_locks_are_untied_by_running_a_flow_again(
    owner: Direct, database: Database
) -> None:
    tries: list[int] = []
    met = asyncio.Barrier(2)

    @retried
    async def add(pool: Pool, first: int, second: int) -> None:
        tries.append(first)
        async with transaction(pool, tenant=CLINIC, placer=EVERY_PLACER) as conn:
            await conn.execute("UPDATE play.kept SET n = n WHERE n = $1", first)
            if len(tries) <= 2:
                await met.wait()
            await conn.execute("UPDATE play.kept SET n = n WHERE n = $1", second)

    await owner.execute("INSERT INTO play.kept (n) VALUES (1), (2)")
    async with make_pool(database.urls.web, role="web", least=2, most=2) as pool:
        await asyncio.gather(add(pool, 1, 2), add(pool, 2, 1))

    assert len(tries) == 3


async def test_a_flow_that_is_always_in_the_way_ends_as_busy_after_three_more_tries() -> None:
    tries: list[int] = []

    @retried
    async def never() -> None:
        tries.append(1)
        raise Again

    with pytest.raises(Refused) as refused:
        await never()

    assert codes(refused) == [Code.BUSY]
    assert len(tries) == 4


async def test_a_refusal_is_not_run_again(one: Pool) -> None:
    tries: list[int] = []

    @retried
    async def twice() -> None:
        tries.append(1)
        await keep(one, 1)
        await keep(one, 1)

    with pytest.raises(Exception, match="kept_key"):
        await twice()

    assert len(tries) == 1


async def test_transactions_with_the_same_lock_go_one_after_the_other(
    database: Database,
) -> None:
    locks = [lock_key("Patient", "1"), lock_key("Patient", "2")]
    inside: list[int] = []
    most: list[int] = []

    async def flow(pool: Pool, n: int) -> None:
        taken = locks if n % 2 else locks[::-1]
        async with transaction(pool, tenant=CLINIC, placer=EVERY_PLACER, locks=taken) as conn:
            inside.append(n)
            most.append(len(inside))
            await conn.fetchval("SELECT 1")
            inside.remove(n)

    async with make_pool(database.urls.web, role="web", least=4) as pool:
        await asyncio.gather(*(flow(pool, n) for n in range(40)))

    assert max(most) == 1
