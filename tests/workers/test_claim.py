"""The claim stays quick behind a day's backlog, and a Task that changes often is one job."""

import time
from collections.abc import AsyncGenerator

import pytest

from fhir_mappings.model.placer import Tells
from service.deps import new_id
from tests.kit.database import Database
from tests.kit.visiting import Visiting, a_visiting_clinic

BACKLOG = 100_000


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database, tells=Tells.TASK) as one:
        yield one


async def test_a_claim_behind_a_backlog_takes_milliseconds(clinic: Visiting) -> None:
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
    await pool.execute("ANALYZE outbox")
    await clinic.claimed(1)

    began = time.perf_counter()
    claimed = await clinic.claimed(1)

    assert len(claimed) == 1
    assert time.perf_counter() - began < 0.1  # 6 ms on two quiet cores; a sequential scan takes 200


async def test_a_task_that_changes_often_waits_as_one_job(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    await clinic.arrive(appointment)

    waiting = await clinic.waiting("task-update")

    assert waiting == [("ready", "")]
