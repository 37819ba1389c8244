"""The walls in SQL: without settings no row, another's rows never, and no right too many."""

from collections.abc import AsyncGenerator
from uuid import UUID

import asyncpg
import pytest

from fhir_mappings.model.caller import Caller
from service.store.pool import Pool
from service.store.refused import AGAIN_CONSTRAINTS, CONSTRAINTS
from service.store.transaction import EVERY_PLACER, transaction
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.referrals import a_payload, taken

SERVING = ("tpi_app", "tpi_worker")
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
READ = {"SELECT"}
APPEND = {"SELECT", "INSERT"}
KEEP = {"SELECT", "INSERT", "UPDATE"}
WORK = {"SELECT", "INSERT", "UPDATE", "DELETE"}
ALLOWED = {
    "access_token": set[str](),
    "audit": APPEND,
    "cds_card": APPEND,
    "cds_client": set[str](),
    "cds_feedback": APPEND,
    "client_jti": {"SELECT", "INSERT", "DELETE"},
    "content_pack": READ,
    "delivery": APPEND,
    "hold": KEEP,
    "idempotency": WORK,
    "message": APPEND,
    "open_window": WORK,
    "outbox": WORK,
    "person": READ,
    "placer": READ,
    "proposal": KEEP,
    "referral": KEEP,
    "resource": KEEP,
    "resource_history": APPEND,
    "review": APPEND,
    "schedule": KEEP,
    "schema_migration": READ,
    "screening": APPEND,
    "tenant": READ,
    "tenant_pack": READ,
    "tombstone": KEEP,
    "visit": KEEP,
    "writeback": KEEP,
}
"""What web and worker may do to each table; a new table takes its place here."""

TABLES = """
SELECT c.relname::text AS name, c.relispartition AS part, c.relrowsecurity AS walled,
       c.relkind = 'p' AS parted, pg_get_userbyid(c.relowner)::text AS owner,
       EXISTS (SELECT FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped) AS ours
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY 1
"""


async def tables(database: Database) -> list[asyncpg.Record]:
    async with database.as_owner() as conn:
        return await conn.fetch(TABLES)


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    async with a_door(database) as one:
        yield one


async def seen(pool: Pool, table: str, *, tenant: UUID, placer: str) -> int:
    async with transaction(pool, tenant=tenant, placer=placer) as conn:
        return int(await conn.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - of the list


async def test_every_table_of_a_tenant_is_walled_and_none_belongs_to_who_serves(
    database: Database,
) -> None:
    found = await tables(database)

    assert [
        one["name"] for one in found if one["ours"] and not one["part"] and not one["walled"]
    ] == []
    assert {one["owner"] for one in found} == {"tpi_owner"}


@pytest.mark.parametrize("role", SERVING)
async def test_who_serves_has_these_rights_and_no_other(database: Database, role: str) -> None:
    found = [str(one["name"]) for one in await tables(database) if not one["part"]]
    async with database.as_owner() as conn:
        rights = {
            name: {
                right
                for right in RIGHTS
                if await conn.fetchval("SELECT has_table_privilege($1, $2, $3)", role, name, right)
            }
            for name in found
        }

    assert rights == ALLOWED


async def test_a_partition_by_its_own_name_is_nobodys(database: Database, web_pool: Pool) -> None:
    parts = [str(one["name"]) for one in await tables(database) if one["part"]]

    for part in parts:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await web_pool.fetchval(f"SELECT count(*) FROM {part}")  # noqa: S608 - of the list

    assert parts


async def test_a_referral_is_seen_by_its_placer_and_its_clinic_alone(door: Door) -> None:
    tenant = door.world.tenant
    caller = Caller(tenant=tenant, zone=door.world.service.zone, name="p", placer=door.placer)
    pool = door.deps.pool
    before = {n: await seen(pool, n, tenant=tenant, placer=str(door.other)) for n in OF_A_REFERRAL}
    await taken(door.deps, caller, a_payload("anticoagulated"))
    readable = [name for name, rights in ALLOWED.items() if rights and name not in SHARED]

    own = {n: await seen(pool, n, tenant=tenant, placer=str(door.placer)) for n in OF_A_REFERRAL}
    staff = {n: await seen(pool, n, tenant=tenant, placer=EVERY_PLACER) for n in OF_A_REFERRAL}
    other = {n: await seen(pool, n, tenant=tenant, placer=str(door.other)) for n in OF_A_REFERRAL}
    foreign = {n: await seen(pool, n, tenant=UUID(int=9), placer=EVERY_PLACER) for n in readable}
    unset = {n: await pool.fetchval(f"SELECT count(*) FROM {n}") for n in readable}  # noqa: S608 - of the list

    assert all(own.values()), own
    assert all(staff[name] >= own[name] for name in own)
    assert other == before
    assert not any(foreign.values()), foreign
    assert not any(unset.values()), unset


SHARED = {"content_pack", "schema_migration"}
"""Tables of no tenant."""
OF_A_REFERRAL = ("referral", "message", "screening", "audit")
"""What a new referral writes, beside resources (of which the clinic's own are everybody's)."""


async def test_resources_of_one_placer_are_not_the_others(door: Door) -> None:
    tenant = door.world.tenant
    caller = Caller(tenant=tenant, zone=door.world.service.zone, name="p", placer=door.placer)
    before = await seen(door.deps.pool, "resource", tenant=tenant, placer=str(door.other))
    await taken(door.deps, caller, a_payload("clean"))

    own = await seen(door.deps.pool, "resource", tenant=tenant, placer=str(door.placer))
    other = await seen(door.deps.pool, "resource", tenant=tenant, placer=str(door.other))

    assert other == before
    assert own > before


async def test_the_constraints_that_python_knows_by_name_exist(database: Database) -> None:
    async with database.as_owner() as conn:
        names = {row[0] for row in await conn.fetch("SELECT conname::text FROM pg_constraint")}

    assert names >= {*CONSTRAINTS, *AGAIN_CONSTRAINTS}


async def test_a_failing_statement_leaves_no_value_in_the_servers_log(
    database: Database, web_pool: Pool
) -> None:
    log = database.server_log()
    before = log.stat().st_size
    with pytest.raises(asyncpg.DataError):
        await web_pool.fetchval("SELECT $1::text::int", "CANARY-OF-A-PATIENT")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await web_pool.execute("DELETE FROM tenant WHERE name = 'CANARY-OF-A-PATIENT'")

    with log.open("rb") as lines:
        lines.seek(before)
        told = lines.read()

    assert b"CANARY" not in told
