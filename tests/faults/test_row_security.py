"""Row security alone: whatever a statement of ours forgets, no other row is seen (T29)."""

import asyncio
import re
import sys
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import pytest

from service.store import statements
from service.store.pool import Pool
from service.store.roles import Direct
from service.store.transaction import EVERY_PLACER, transaction
from tests.kit.cross_reads import (
    Tries,
    asked,
    changes,
    fingerprint,
    owned,
    questions,
)
from tests.kit.database import Database
from tests.kit.forms import PLAIN
from tests.kit.two_clinics import STRANGERS, TwoClinics, two_clinics

LEAST_STATEMENTS = 20


@pytest.fixture
async def clinics(database: Database) -> AsyncGenerator[TwoClinics]:
    async with two_clinics(database) as both:
        yield both


CLAUSE = re.compile(r"\b(?:\w+\.)?(?:tenant|space|placer_id) = \$([0-9]+)")
"""What names tenant, placer or space in a statement of the store."""


@pytest.fixture
def clauses_removed(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let every reading statement of the store forget whose rows it asks for; say how many do."""
    known = {verb: statements.sql(verb) for verb in statements.verbs()}
    without = {
        verb: CLAUSE.sub(r"$\1::uuid IS NOT NULL", text)
        for verb, text in known.items()
        if not re.search(r"\b(INSERT|UPDATE|DELETE)\b(?! OF| SKIP)", text.replace("FOR UPDATE", ""))
    }
    changed = {verb: text for verb, text in without.items() if text != known[verb]}

    def sql(verb: str) -> str:
        return changed.get(verb, known[verb])

    for name, module in list(sys.modules.items()):
        if name.startswith("service.store.") and hasattr(module, "sql"):
            monkeypatch.setattr(module, "sql", sql)
    return len(changed)


@pytest.mark.timeout(180)  # as above
async def test_t29_with_the_clause_removed_row_security_alone_answers_the_same(
    clinics: TwoClinics, clauses_removed: int, database: Database
) -> None:
    tries = await read_by_id(clinics, database)

    print(tries)  # noqa: T201 - with -s: the count by road
    assert tries.leaks == [], str(tries)
    assert clauses_removed > LEAST_STATEMENTS


@pytest.mark.timeout(180)  # as above
async def test_t29_with_clause_and_row_security_removed_these_tries_find_the_leak(
    clinics: TwoClinics, clauses_removed: int, database: Database
) -> None:
    async with database.as_owner() as owner:
        for table in ("resource", "resource_history"):
            await owner.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    tries = await read_by_id(clinics, database)

    assert clauses_removed
    assert tries.leaks


async def read_by_id(clinics: TwoClinics, database: Database) -> Tries:
    """Let every stranger read and change what is the victim's alone, by its id."""
    door, tries = clinics.door, Tries()
    async with database.as_owner() as owner:
        victims = await owned(owner, door.placer)
        mine = {row[:2] for row in await owned(owner, door.other)}
    theirs = [row for row in victims if row[:2] not in mine and row[0] != "Slot"]
    rows = [
        (one, rid)
        for rtype, rid, vid in theirs
        for one in questions(rtype, vid)
        if one.road in {"read", "vread", "history"}
    ]
    rows += [
        (one, rid) for rtype, one in changes("123") for kind, rid, _ in theirs if kind == rtype
    ]
    await asyncio.gather(*(asked(door, who, rows, tries) for who in STRANGERS))
    return tries


async def walled(owner: Direct) -> list[str]:
    rows = await owner.fetch(
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('tpi_app', c.oid, 'SELECT')"
        " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attname = 'tenant') ORDER BY 1"
    )
    return [str(row[0]) for row in rows]


async def seen(pool: Pool, table: str, tenant: UUID, placer: str) -> list[dict[str, Any]]:
    """Every row of a table, with no condition of ours: the settings alone decide."""
    async with transaction(pool, tenant=tenant, placer=placer) as conn:
        return [dict(row) for row in await conn.fetch(f"SELECT * FROM {table}")]  # noqa: S608 - of the list


def is_foreign(row: dict[str, Any], tenant: UUID, placer: str) -> bool:
    whose = row.get("placer_id") or row.get("space")
    own = {None, UUID(int=0), *([UUID(placer)] if placer != EVERY_PLACER else [])}
    return row["tenant"] != tenant or (placer != EVERY_PLACER and whose not in own)


async def test_t29_row_security_alone_shows_and_changes_nothing_of_another(
    clinics: TwoClinics, database: Database
) -> None:
    door = clinics.door
    who = [
        (door.world.tenant, str(door.other)),
        (clinics.far.tenant, str(clinics.far_placer)),
        (clinics.far.tenant, EVERY_PLACER),
        (clinics.far.tenant, str(door.placer)),
    ]
    async with database.as_owner() as owner:
        tables = await walled(owner)
        before = await fingerprint(owner, door.placer)
    foreign: list[str] = []
    shown = 0

    for tenant, placer in who:
        for table in tables:
            rows = await seen(door.deps.pool, table, tenant, placer)
            shown += len(rows)
            foreign += [table for row in rows if is_foreign(row, tenant, placer)]
            foreign += await _changed(door.deps.pool, table, tenant, placer, door.placer)
        async with transaction(door.deps.pool, tenant=tenant, placer=placer) as conn:
            for rtype in PLAIN:
                rids = await conn.fetch("SELECT * FROM rids_with($1, $2, '{}')", door.placer, rtype)
                foreign += [f"rids_with {rtype}"] * len(rids)

    async with database.as_owner() as owner:
        after = await fingerprint(owner, door.placer)
    assert shown > len(tables)
    assert foreign == []
    assert after == before


async def _changed(pool: Pool, table: str, tenant: UUID, placer: str, victim: UUID) -> list[str]:
    """Try to write a victim's rows by naming them; say the table where any could be."""
    async with transaction(pool, tenant=tenant, placer=placer) as conn:
        columns = {
            row[0]
            for row in await conn.fetch(
                "SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
                " WHERE c.relname = $1 AND a.attnum > 0"
                " AND has_table_privilege(current_user, c.oid, 'UPDATE')",
                table,
            )
        }
        column = next((one for one in ("placer_id", "space") if one in columns), "")
        if not column:
            return []
        done = await conn.execute(
            f"UPDATE {table} SET {column} = {column} WHERE {column} = $1",  # noqa: S608 - of the list
            victim,
        )
    return [] if done == "UPDATE 0" else [f"{table} {done}"]


async def test_t29_with_a_setting_missing_there_is_no_row(
    clinics: TwoClinics, database: Database
) -> None:
    door = clinics.door
    async with database.as_owner() as owner:
        tables = await walled(owner)
    settings = {"tenant": str(door.world.tenant), "placer": str(door.placer)}
    found: list[str] = []

    for missing in ("tenant", "placer", "both"):
        async with door.deps.pool.acquire() as conn:
            await conn.execute("BEGIN")
            for name, value in settings.items():
                if missing not in {name, "both"}:
                    await conn.execute("SELECT set_config($1, $2, true)", f"app.{name}", value)
            for table in tables:
                count = await conn.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - of the list
                found += [f"{table} without {missing}"] * bool(count)
            rids = await conn.fetch("SELECT * FROM rids_with($1, 'Patient', '{}')", door.placer)
            found += [f"rids_with without {missing}"] * bool(rids)
            await conn.execute("ROLLBACK")

    assert found == []
