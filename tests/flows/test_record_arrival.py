"""Arrivals are screened for their day; no-shows free the time; both can be taken back that day."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest

from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Refused
from service.flows.record_arrival import RecordArrival, record_arrival
from service.flows.record_no_show import NoShow, RecordNoShow, record_no_show
from service.flows.undo_arrival import UndoArrival, Undone, undo_arrival
from tests.kit.database import Database
from tests.kit.visiting import Visiting, a_visiting_clinic


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database) as one:
        yield one


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[Code]:
    return [one.code for one in refused.value.problems]


async def no_show(clinic: Visiting, appointment: Proposal) -> NoShow:
    return await record_no_show(
        clinic.booking.deps, clinic.booking.scheduler, RecordNoShow(appointment=appointment.id)
    )


async def undo(clinic: Visiting, appointment: Proposal) -> Undone:
    return await undo_arrival(
        clinic.booking.deps, clinic.booking.scheduler, UndoArrival(appointment=appointment.id)
    )


async def state(clinic: Visiting, appointment: Proposal) -> ProposalState:
    found = {one.id: one.state for one in await clinic.booking.proposals(appointment.referral)}
    return found[appointment.id]


async def test_an_arrival_is_screened_for_its_day_and_told(clinic: Visiting) -> None:
    referral, appointment = await clinic.a_booked_referral()

    arrived = await clinic.arrive(appointment)

    shown = await clinic.booking.shown("Appointment", str(appointment.id))
    days = await clinic.booking.world.owner.pool.fetch("SELECT day, planned FROM screening")
    assert arrived.stage is Stage.ARRIVED
    assert arrived.open == ()
    assert shown["status"] == "arrived"
    assert (appointment.start.date(), appointment.start.date()) in [tuple(one) for one in days]
    assert (await clinic.task(referral))["businessStatus"]["coding"][0]["code"] == "arrived"


async def test_an_arrival_again_changes_nothing(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    first = await clinic.arrive(appointment)
    shown = await clinic.booking.shown("Appointment", str(appointment.id))

    again = await clinic.arrive(appointment)

    assert again == first
    assert await clinic.booking.shown("Appointment", str(appointment.id)) == shown


async def test_a_finding_of_the_day_sends_the_referral_to_review(clinic: Visiting) -> None:
    referral, appointment = await clinic.a_booked_referral()
    await clinic.booking.starts_a_medication(referral)

    arrived = await clinic.arrive(appointment)

    assert arrived.stage is Stage.IN_REVIEW
    assert arrived.open
    assert await state(clinic, appointment) is ProposalState.ARRIVED
    assert (await clinic.task(referral))["status"] == "on-hold"


async def test_a_moment_to_come_is_no_arrival(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    later = clinic.clock.at + timedelta(minutes=1)

    with pytest.raises(Refused) as refused:
        await record_arrival(
            clinic.booking.deps,
            clinic.booking.scheduler,
            RecordArrival(appointment=appointment.id, at=later),
        )

    assert codes(refused) == [Code.BAD_DATE]


async def test_another_version_of_the_appointment_is_refused(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()

    with pytest.raises(Refused) as refused:
        await record_arrival(
            clinic.booking.deps,
            clinic.booking.scheduler,
            RecordArrival(appointment=appointment.id, version=99),
        )

    assert codes(refused) == [Code.STALE]


async def test_nobody_is_missed_before_the_start(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    clinic.clock.at = appointment.start - timedelta(minutes=1)

    with pytest.raises(Refused) as refused:
        await no_show(clinic, appointment)

    assert codes(refused) == [Code.BAD_DATE]


async def test_a_no_show_frees_the_rest_of_the_time_and_is_told(clinic: Visiting) -> None:
    referral, appointment = await clinic.a_booked_referral()
    clinic.clock.at = appointment.start + timedelta(minutes=15)

    done = await no_show(clinic, appointment)

    assert done.stage is Stage.NO_SHOW
    assert (await clinic.booking.holds()).get("booked", 0) == 0
    shown = await clinic.booking.shown("Appointment", str(appointment.id))
    assert shown["status"] == "noshow"
    assert (await clinic.task(referral))["businessStatus"]["coding"][0]["code"] == "no-show"


async def test_both_are_taken_back_within_the_day(clinic: Visiting) -> None:
    referral, appointment = await clinic.a_booked_referral()
    clinic.clock.at = appointment.start + timedelta(minutes=15)
    await no_show(clinic, appointment)

    undone = await undo(clinic, appointment)
    arrived = await clinic.arrive(appointment)
    again = await undo(clinic, appointment)

    assert (undone.stage, arrived.stage, again.stage) == (
        Stage.BOOKED,
        Stage.ARRIVED,
        Stage.BOOKED,
    )
    assert (await clinic.booking.holds())["booked"] == 1
    assert await clinic.booking.stage(referral) is Stage.BOOKED


async def test_the_next_day_is_too_late_to_take_it_back(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    await clinic.arrive(appointment)
    clinic.clock.forward(days=1)

    with pytest.raises(Refused) as refused:
        await undo(clinic, appointment)

    assert codes(refused) == [Code.STAGE]
