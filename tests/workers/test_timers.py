"""What time makes due is done by one ring, however much it is and whatever cannot be done."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from fhir_mappings.model.stage import Stage
from service.workers.timers import ring
from tests.kit.booking import Booking, a_booking_clinic
from tests.kit.database import Database

POISON = 250
"""More than one look takes."""


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Booking]:
    async with a_booking_clinic(database) as one:
        yield one


async def deferred(clinic: Booking, number: str) -> None:
    """Let a cleared referral be one whose deferral ended a second ago."""
    await clinic.world.owner.pool.execute(
        "UPDATE referral SET stage = 'deferred', due_at = $2::timestamptz - interval '1 s'"
        " WHERE order_value = $1",
        f"ORD-{number}",
        clinic.world.clock.at,
    )


async def poisoned(clinic: Booking) -> None:
    """Put referrals before it that are due and have no order: no screening of them can be done."""
    await clinic.world.owner.pool.execute(
        "INSERT INTO referral (tenant, id, placer_id, order_system, order_value, order_rid,"
        " patient_rid, task_rid, stage, stage_since, outcome, received_at, due_at, content)"
        " SELECT tenant, gen_random_uuid(), placer_id, '', n, n, n, n, 'deferred', stage_since,"
        " outcome, received_at, $1::timestamptz - interval '1 h', content"
        " FROM referral, generate_series(1, $2::int) AS n",
        clinic.world.clock.at,
        POISON,
    )


async def test_what_cannot_be_done_hides_nothing_that_is_due_later(clinic: Booking) -> None:
    referral = await clinic.a_referral("1")
    await poisoned(clinic)
    await deferred(clinic, "1")

    await ring(clinic.worker, asyncio.Event())

    left = await clinic.world.owner.pool.fetchval(
        "SELECT count(*) FROM referral WHERE stage = 'deferred'"
    )
    assert await clinic.stage(referral) is Stage.CLEARED
    assert left == POISON


async def test_a_ring_ends_between_two_where_the_process_is_to_stop(clinic: Booking) -> None:
    referral = await clinic.a_referral("1")
    await deferred(clinic, "1")
    stop = asyncio.Event()
    stop.set()

    await ring(clinic.worker, stop)

    assert await clinic.stage(referral) is Stage.DEFERRED
