"""A page among 100,000 rows costs what a page costs: counted in rows of tables that are read."""

import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from fhir_mappings.model.caller import NIL_SPACE
from fhir_mappings.parse.query import Page, Reader
from service.deps import new_id
from service.store import search, timers
from service.store.pool import Conn, Pool
from service.store.statements import sql
from service.store.transaction import EVERY_PLACER, transaction
from tests.kit.clinic import NOW
from tests.kit.database import Database
from tests.kit.rows_read import RowsRead

ROWS = 100_000
PLACERS = 10
TENANT = UUID(int=1)
PLACER = UUID("00000000000000000000000000000002")
WINDOWS = 3_000
STATISTICS = "VACUUM (ANALYZE)"
WINDOW = UUID("00000000000000000000000000001500")
NAMED = True
PAGE = 20
MOST = 2_000
"""How many rows a page may read: far from the 10,000 rows of one placer, and the 100,000 of all."""

CLINIC = """
INSERT INTO tenant VALUES ('{tenant}', 'clinic', 'UTC', 'org', now());
INSERT INTO placer (tenant, id, name, client, made_at)
SELECT '{tenant}', lpad(n::text, 32, '0')::uuid, n, n, now()
  FROM generate_series(2, {placers} + 1) n;
"""

TASKS = """
DROP INDEX resource_tokens;
INSERT INTO resource (tenant, space, rtype, rid, vid, origin, body, digest, fingerprint, tokens,
                      refs, patient_rid, updated_at)
SELECT '{tenant}', c.space::uuid, 'Task', c.rid, 1, 'made', '{{}}', '', '', ARRAY[
           'Task|identifier=' || c.rid, 'Task|patient=Patient/' || c.rid,
           'Task|patient|' || c.space::uuid || '|Patient/' || c.rid,
           'Task|status=' || c.status, 'Task|owner=Organization/org',
           'Task|owner|' || c.space::uuid || '|Organization/org'],
       '{{}}', c.rid, '{now}'::timestamptz - n * interval '1 minute'
  FROM generate_series(1, {rows}) n
 CROSS JOIN LATERAL (
       SELECT lpad(n::text, 8, '0') AS rid, lpad((n % {placers} + 2)::text, 32, '0') AS space,
              CASE WHEN n < 10000 AND n % 25 = 0 THEN 'received' ELSE 'completed' END AS status) c;
CREATE INDEX resource_tokens ON resource USING gin (tokens);
"""

NEW = """
INSERT INTO resource (tenant, space, rtype, rid, vid, origin, body, digest, fingerprint, tokens,
                      refs, updated_at)
SELECT '{tenant}', '{nil}', 'Location', n, 1, 'made', '{{}}', '', '', '{{}}', '{{}}', now()
  FROM generate_series(1, 8) n;
"""
GROWN = """
INSERT INTO resource (tenant, space, rtype, rid, vid, origin, body, digest, fingerprint, tokens,
                      refs, updated_at)
SELECT '{tenant}', '{placer}', 'Condition', n, 1, 'received', '{{}}', '', '', '{{}}', '{{}}', now()
  FROM generate_series(1, 20000) n;
"""

DUE = """
INSERT INTO referral (tenant, id, placer_id, order_system, order_value, order_rid, patient_rid,
                      task_rid, stage, stage_since, outcome, received_at, due_at, content)
SELECT '{tenant}', lpad(n::text, 32, '0')::uuid, lpad((n % {placers} + 2)::text, 32, '0')::uuid,
       '', n, n, n, n, 'asked', now(), 'review', now(),
       '{now}'::timestamptz + (n - 150) * interval '1 second', ''
  FROM generate_series(1, {rows}) n;
"""

HELD = """
INSERT INTO referral (tenant, id, placer_id, order_system, order_value, order_rid, patient_rid,
                      task_rid, stage, stage_since, outcome, received_at, content)
VALUES ('{tenant}', '{window}', '{placer}', '', '1', '1', '1', '1', 'cleared', now(),
        'clear', now(), '');
INSERT INTO schedule (tenant, rid, practitioner, location, zone, visit_minutes, buffer_minutes)
VALUES ('{tenant}', 's', 'p', 'l', 'UTC', 30, 0);
INSERT INTO open_window (tenant, id, schedule_rid, practitioner, location, starts, ends, busy_until,
                         updated_at)
SELECT '{tenant}', lpad(n::text, 32, '0')::uuid, 's', 'p', 'l', t, t + interval '30 min',
       t + interval '30 min', now()
  FROM generate_series(1, {windows}) n
 CROSS JOIN LATERAL (SELECT '{now}'::timestamptz + n * interval '1 h' AS t) c;
INSERT INTO hold (tenant, id, placer_id, referral, window_id, practitioner, location, patient_rid,
                  starts, ends, busy_until, state, made_at)
SELECT tenant, id, '{placer}', '{window}', id, practitioner, location, '1', starts, ends,
       busy_until, 'booked', now()
  FROM open_window WHERE id <> '{window}';
"""


async def fill(database: Database, *statements: str) -> None:
    async with database.as_owner() as conn:
        for statement in (CLINIC, *statements):
            await conn.execute(
                statement.format(
                    tenant=TENANT,
                    nil=NIL_SPACE,
                    placer=PLACER,
                    placers=PLACERS,
                    rows=ROWS,
                    window=WINDOW,
                    windows=WINDOWS,
                    now=NOW.isoformat(),
                )
            )


@asynccontextmanager
async def looking(pool: Pool, placer: UUID | None) -> AsyncGenerator[Conn]:
    reach = str(placer) if placer else EVERY_PLACER
    async with transaction(pool, tenant=TENANT, placer=reach) as conn:
        yield conn


async def found_and_read(pool: Pool, question: str, placer: UUID | None) -> tuple[int, int]:
    """Search Tasks as this placer, or as the clinic; how many were found, what was read."""
    spaces = (placer, NIL_SPACE) if placer else ()
    pairs = [
        (name, value) for name, _, value in (one.partition("=") for one in question.split("&"))
    ]
    asked = Reader("Task", spaces=spaces, base="http://clinic.example/fhir").read(
        pairs, Page(), lenient=False
    )
    async with looking(pool, placer) as conn:
        read = await RowsRead.begin(conn)
        rows = await search.search(conn, asked.query, spaces=spaces or None, limit=PAGE + 1)
        return len(rows), await read.told()


async def test_a_page_of_a_hundred_thousand_reads_few_rows(
    database: Database, web_pool: Pool
) -> None:
    await fill(database, TASKS, STATISTICS)
    patient = "00000010"
    questions = [
        "status=completed",
        "status=completed&_sort=_lastUpdated",
        "status=received",
        "status=received&_sort=_lastUpdated",
        "status=received,completed",
        "owner=Organization/org",
        "owner=Organization/org&status=received",
        "_lastUpdated=gt2020-01-01",
        f"identifier={patient}",
        f"patient=Patient/{patient}",
        f"patient=Patient/{patient}&status=completed",
        "status=of-nothing",
    ]
    full = PAGE + 1
    expected = [full, full, full, full, full, full, full, full, 1, 1, 1, 0]

    seen = {
        (who, one): await found_and_read(web_pool, one, who)
        for who in (PLACER, None)
        for one in questions
    }

    assert [seen[None, one][0] for one in questions] == expected
    assert [seen[PLACER, one][0] for one in questions] == expected
    assert {key: said for key, said in seen.items() if said[1] > MOST} == {}


async def test_what_is_due_among_a_hundred_thousand_is_found_by_its_time(
    database: Database, worker_pool: Pool
) -> None:
    await fill(database, DUE, STATISTICS)

    async with transaction(worker_pool, tenant=TENANT, placer=EVERY_PLACER) as conn:
        read = await RowsRead.begin(conn)
        due = await timers.due(conn, NOW, most=100)
        rows = await read.told()

    assert len(due) == 100
    assert rows < MOST


async def test_a_window_among_many_that_are_held_is_taken_by_its_time(
    database: Database, web_pool: Pool
) -> None:
    await fill(database, HELD, STATISTICS)

    async with looking(web_pool, PLACER) as conn:
        read = await RowsRead.begin(conn)
        held = await conn.fetchval(
            sql("hold_window"),
            WINDOW,
            new_id(),
            PLACER,
            WINDOW,
            "patient",
            NOW,
            NOW + timedelta(days=1),
            NAMED,
        )
        rows = await read.told()

    assert held
    assert rows < 100


@pytest.mark.parametrize("verb", ["receive_referral", "write_resources"])
async def test_by_the_statistics_of_an_empty_clinic_resources_are_still_written_by_their_whole_key(
    database: Database, web_pool: Pool, verb: str
) -> None:
    await fill(database, NEW, "VACUUM (FULL, ANALYZE)", GROWN)
    async with looking(web_pool, PLACER) as conn:
        await conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await conn.execute(f"PREPARE planned AS {sql(verb)}")
        parameters = ", ".join(["NULL"] * max(map(int, re.findall(r"\$(\d+)", sql(verb)))))

        plan = await conn.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE planned ({parameters})")

    read = list(scans(json.loads(plan)[0]["Plan"], "resource"))
    assert read
    assert all("rid = " in one.get("Index Cond", "") for one in read), read


def scans(plan: dict[str, Any], table: str) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan that read a table."""
    if plan.get("Relation Name") == table and "Scan" in plan["Node Type"]:
        yield plan
    for one in plan.get("Plans", ()):
        yield from scans(one, table)
