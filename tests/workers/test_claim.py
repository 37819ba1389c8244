"""The claim stays quick behind a day's backlog, and a Task that changes often is one job."""

from collections.abc import AsyncGenerator

import pytest

from fhir_mappings.model.placer import Tells
from service.deps import new_id
from service.store.statements import sql
from tests.kit.database import Database
from tests.kit.rows_read import RowsRead
from tests.kit.visiting import Visiting, a_visiting_clinic

BACKLOG = 100_000
MOST = 100
"""How many rows a claim of one job may read behind it."""


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database, tells=Tells.TASK) as one:
        yield one


async def test_a_claim_behind_a_backlog_reads_few_rows(clinic: Visiting) -> None:
    pool = clinic.booking.world.owner.pool
    now, referrals = clinic.clock.at, [new_id() for _ in range(BACKLOG // 5)]
    rows = [
        (new_id(), referrals[at % len(referrals)], f"task-update:{at}") for at in range(BACKLOG)
    ]
    await pool.copy_records_to_table(
        "outbox",
        records=[
            (
                clinic.booking.world.tenant,
                job,
                clinic.booking.placer,
                referral,
                "task-update",
                dedupe,
                now,
                now,
                now,
            )
            for job, referral, dedupe in rows
        ],
        columns=[
            "tenant",
            "id",
            "placer_id",
            "referral",
            "kind",
            "dedupe",
            "made_at",
            "run_at",
            "give_up_at",
        ],
    )
    await pool.execute("VACUUM (ANALYZE) outbox")

    async with pool.acquire() as conn, conn.transaction():
        read = await RowsRead.begin(conn)
        claimed = await conn.fetch(
            sql("claim_jobs"), new_id(), now, 60, clinic.worker.settings.placer_calls, 1, []
        )
        rows = await read.told()

    assert len(claimed) == 1
    assert rows < MOST


async def test_a_task_that_changes_often_waits_as_one_job(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    await clinic.arrive(appointment)

    waiting = await clinic.waiting("task-update")

    assert waiting == [("ready", "")]
