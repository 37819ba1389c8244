"""A booking is given up or moved: time is freed, the referral goes where it should."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest

from fhir_mappings.model.caller import Role
from fhir_mappings.model.json import text
from fhir_mappings.model.proposal import Answer, ProposalState
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Refused
from service.flows.cancel_booking import BookingCancelled, CancelBooking, cancel_booking
from service.flows.rebook import Rebook, Rebooked, rebook
from service.flows.rescreen_referral import RescreenReferral, rescreen_referral
from tests.kit.booking import Booking, a_booking_clinic
from tests.kit.clinic import with_a_second_room
from tests.kit.database import Database


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Booking]:
    async with a_booking_clinic(database) as one:
        yield one


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[Code]:
    return [one.code for one in refused.value.problems]


async def booked(clinic: Booking, number: str = "1", place: int = 0) -> tuple[UUID, UUID]:
    """Return a referral and its booked Appointment."""
    referral = await clinic.a_referral(number)
    free = await clinic.windows()
    done = await clinic.propose(referral, free[place], said_by="the patient, by phone")
    return referral, UUID(done.appointments[0].identity.rid)


async def in_review(clinic: Booking, referral: UUID) -> None:
    """Let new data send the referral back to review."""
    await clinic.starts_a_medication(referral)
    command = RescreenReferral(referral=referral)
    await rescreen_referral(clinic.worker, clinic.world.service, command)
    assert await clinic.stage(referral) is Stage.IN_REVIEW


async def cancel(clinic: Booking, appointment: UUID, *, staff: bool = False) -> BookingCancelled:
    caller = clinic.scheduler if staff else clinic.client
    command = CancelBooking(appointment=appointment, reason="The patient is away")
    return await cancel_booking(clinic.deps, caller, command)


async def move(clinic: Booking, appointment: UUID, window: UUID) -> Rebooked:
    command = Rebook(appointment=appointment, window=window, reason="The patient is away")
    return await rebook(clinic.deps, clinic.scheduler, command)


async def test_a_placer_gives_a_booking_up(clinic: Booking) -> None:
    referral, appointment = await booked(clinic)

    done = await cancel(clinic, appointment)

    assert done.case.stage is Stage.CLEARED
    assert done.case.planned_date is None
    assert text(done.appointment.tree, "cancelationReason", "text") == "The patient is away"
    assert await clinic.holds() == {"released": 1}
    assert (await clinic.shown("Task", done.case.task_rid))["status"] == "in-progress"
    assert await clinic.jobs("propose-again") == []
    assert (await clinic.propose(referral)).case.stage is Stage.PROPOSED


async def test_cancelling_again_changes_nothing(clinic: Booking) -> None:
    _, appointment = await booked(clinic)
    first = await cancel(clinic, appointment)

    again = await cancel(clinic, appointment)

    assert again.appointment == first.appointment
    assert again.case == first.case


async def test_a_booking_that_waits_for_review_is_given_up_and_still_waits(
    clinic: Booking,
) -> None:
    referral, appointment = await booked(clinic)
    await in_review(clinic, referral)

    done = await cancel(clinic, appointment, staff=True)

    assert done.case.stage is Stage.IN_REVIEW
    assert await clinic.holds() == {"released": 1}


async def test_a_placer_that_cancels_a_proposal_declines_it(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    (offered,) = (await clinic.propose(referral, free[0])).appointments

    done = await cancel(clinic, UUID(offered.identity.rid))

    (declined,) = await clinic.proposals(referral)
    assert declined.state is ProposalState.DECLINED
    assert done.case.stage is Stage.CLEARED
    assert await clinic.jobs("propose-again") == [referral]


async def test_another_version_of_the_appointment_is_refused(clinic: Booking) -> None:
    _, appointment = await booked(clinic)

    with pytest.raises(Refused) as refused:
        await cancel_booking(
            clinic.deps, clinic.client, CancelBooking(appointment=appointment, version=9)
        )

    assert codes(refused) == [Code.STALE]


async def test_a_booking_moves_and_its_old_time_is_free(clinic: Booking) -> None:
    referral, appointment = await booked(clinic)
    free = await clinic.windows()

    moved = await move(clinic, appointment, free[5].id)

    states = {one.window: one.state for one in await clinic.proposals(referral)}
    assert moved.case.stage is Stage.BOOKED
    assert states[free[5].id] is ProposalState.ACCEPTED
    assert text(moved.appointment.tree, "status") == "booked"
    assert await clinic.holds() == {"booked": 1, "released": 1}
    assert moved.case.planned_date == free[5].start.date()


async def test_a_booking_in_review_may_move_and_still_waits(clinic: Booking) -> None:
    referral, appointment = await booked(clinic)
    await in_review(clinic, referral)
    free = await clinic.windows()

    moved = await move(clinic, appointment, free[5].id)

    assert moved.case.stage is Stage.IN_REVIEW
    assert await clinic.holds() == {"booked": 1, "released": 1}


async def test_what_is_only_proposed_does_not_move(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    (offered,) = (await clinic.propose(referral, free[0])).appointments

    with pytest.raises(Refused) as refused:
        await move(clinic, UUID(offered.identity.rid), free[1].id)

    assert codes(refused) == [Code.STAGE]


async def test_of_two_bookings_that_move_to_one_window_at_once_one_does(clinic: Booking) -> None:
    booked_ones = [await booked(clinic, str(number), number) for number in range(4)]
    target = (await clinic.windows())[10]

    done = await asyncio.gather(
        *(move(clinic, appointment, target.id) for _, appointment in booked_ones),
        return_exceptions=True,
    )

    lost = [one for one in done if isinstance(one, Refused)]
    assert len(lost) == 3
    assert {one.problems[0].code for one in lost} == {Code.WINDOW_TAKEN}
    assert (await clinic.holds())["booked"] == 4


async def test_a_patient_with_two_orders_cannot_move_onto_the_other_booking(
    clinic: Booking,
) -> None:
    first = await clinic.a_referral("1")
    second = await clinic.another_order("1", "ORD-second")
    await clinic.world.apply(with_a_second_room())
    free = await clinic.windows()
    here, there = [one for one in free if one.start == free[0].start]
    later = next(one for one in free if one.start > here.start)
    await clinic.propose(first, here, said_by="the patient")
    (other,) = (await clinic.propose(second, later, said_by="the patient")).appointments

    with pytest.raises(Refused) as refused:
        await move(clinic, UUID(other.identity.rid), there.id)

    assert codes(refused) == [Code.PATIENT_BOOKED]
    assert await clinic.stage(second) is Stage.BOOKED


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.OPERATOR])
async def test_only_schedulers_and_clinicians_move_bookings(clinic: Booking, role: Role) -> None:
    _, appointment = await booked(clinic)
    free = await clinic.windows()
    command = Rebook(appointment=appointment, window=free[3].id)

    with pytest.raises(Refused) as refused:
        await rebook(clinic.deps, clinic.world.staff(role), command)

    assert codes(refused) == [Code.ROLE]


async def test_an_acceptance_leaves_a_trace_of_who_said_so(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments

    await clinic.answer(
        offered.identity.rid, Answer.ACCEPTED, caller=clinic.scheduler, comment="The daughter"
    )

    rows = await clinic.world.owner.pool.fetch(
        "SELECT verb, actor FROM audit WHERE referral = $1 ORDER BY at, id", referral
    )
    said_by = await clinic.world.owner.pool.fetchval(
        "SELECT answered_by FROM proposal WHERE state = 'accepted'"
    )
    assert [row["verb"] for row in rows] == ["receive-referral", "propose", "answer-proposal"]
    assert rows[-1]["actor"] == f"person:{clinic.scheduler.person}"
    assert said_by == "The daughter"
