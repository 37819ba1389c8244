"""Answers book, release or ask for another time; each is taken once, late ones are told."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest

from fhir_mappings.model.json import text
from fhir_mappings.model.proposal import Answer, Answered, ProposalState
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Kind, Refused
from service.flows.answer_proposal import AnswerProposal, answer_proposal
from service.flows.expire_holds import ExpireHolds, expire_holds
from service.flows.propose import Propose, propose
from tests.kit.booking import Booking, a_booking_clinic
from tests.kit.clinic import with_a_second_room
from tests.kit.database import Database


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Booking]:
    async with a_booking_clinic(database) as one:
        yield one


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[Code]:
    return [one.code for one in refused.value.problems]


async def test_accepting_books_and_frees_the_siblings(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    offered = [one.identity.rid for one in (await clinic.propose(referral)).appointments]

    answered = await clinic.answer(offered[1])

    states = {str(one.id): one.state for one in await clinic.proposals(referral)}
    assert answered.case.stage is Stage.BOOKED
    assert states == {
        offered[0]: ProposalState.WITHDRAWN,
        offered[1]: ProposalState.ACCEPTED,
        offered[2]: ProposalState.WITHDRAWN,
    }
    assert await clinic.holds() == {"booked": 1, "released": 2}
    assert (await clinic.shown("Appointment", offered[1]))["status"] == "booked"
    assert (await clinic.shown("Appointment", offered[0]))["status"] == "cancelled"
    assert (await clinic.shown("Task", answered.case.task_rid))["status"] == "in-progress"


async def test_the_answer_is_kept_as_it_came(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments

    answered = await clinic.answer(offered.identity.rid)

    assert answered.response
    kept = await clinic.shown("AppointmentResponse", answered.response.identity.rid)
    assert kept["participantStatus"] == "accepted"
    assert text(kept, "meta", "versionId") == "1"


async def test_an_equal_answer_again_is_the_first_one(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments
    first = await clinic.answer(offered.identity.rid)

    again = await clinic.answer(offered.identity.rid)

    assert again.repeated
    assert first.response
    assert again.response
    assert again.response.identity == first.response.identity
    rows = await clinic.world.owner.pool.fetchval(
        "SELECT count(*) FROM resource WHERE rtype = 'AppointmentResponse'"
    )
    assert rows == 1


async def test_another_answer_to_an_answered_proposal_is_refused(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments
    await clinic.answer(offered.identity.rid)

    with pytest.raises(Refused) as refused:
        await clinic.answer(offered.identity.rid, Answer.DECLINED)

    assert codes(refused) == [Code.STAGE]
    assert await clinic.stage(referral) is Stage.BOOKED


async def test_accepting_a_sibling_of_the_booked_one_is_refused(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    offered = [one.identity.rid for one in (await clinic.propose(referral)).appointments]
    await clinic.answer(offered[0])

    with pytest.raises(Refused) as refused:
        await clinic.answer(offered[1])

    assert codes(refused) == [Code.STAGE]


async def test_declining_one_leaves_the_others_open(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    offered = [one.identity.rid for one in (await clinic.propose(referral)).appointments]

    answered = await clinic.answer(offered[0], Answer.DECLINED)

    assert answered.case.stage is Stage.PROPOSED
    assert await clinic.holds() == {"held": 2, "released": 1}
    assert await clinic.jobs("propose-again") == []


async def test_declining_the_last_one_has_the_policy_propose_others(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    offered = (await clinic.propose(referral)).appointments
    answered = [await clinic.answer(one.identity.rid, Answer.DECLINED) for one in offered]

    jobs = await clinic.jobs("propose-again")
    await propose(clinic.worker, clinic.world.service, Propose(referral=referral))

    held = [
        one.window for one in await clinic.proposals(referral) if one.state is ProposalState.OPEN
    ]
    assert answered[-1].case.stage is Stage.CLEARED
    assert jobs == [referral]
    assert held == [one.id for one in free[3:6]]  # not those that were declined
    assert await clinic.stage(referral) is Stage.PROPOSED


async def test_a_counter_proposal_of_a_free_window_becomes_a_proposal(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    (offered,) = (await clinic.propose(referral, free[0])).appointments

    answered = await clinic.answer(
        offered.identity.rid, Answer.TENTATIVE, start=free[9].start, end=free[9].end
    )

    states = {one.window: one.state for one in await clinic.proposals(referral)}
    assert answered.case.stage is Stage.PROPOSED
    assert states == {free[0].id: ProposalState.COUNTERED, free[9].id: ProposalState.OPEN}
    assert await clinic.holds() == {"held": 1, "released": 1}


@pytest.mark.parametrize(
    ("start", "minutes", "code", "kind"),
    [
        ("2026-12-02T15:00:00+00:00", 30, Code.WINDOW_TAKEN, Kind.CONFLICT),  # no such window
        ("2026-11-20T15:00:00+00:00", 30, Code.BAD_WINDOW, Kind.UNPROCESSABLE),  # past
        ("2026-12-03T15:10:00+00:00", -30, Code.BAD_WINDOW, Kind.UNPROCESSABLE),
        ("2026-12-03T15:10:00+00:00", 20, Code.BAD_WINDOW, Kind.UNPROCESSABLE),
    ],
)
async def test_a_counter_proposal_that_is_no_window_is_told_the_next_free(
    clinic: Booking, start: str, minutes: int, code: Code, kind: Kind
) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments
    at = datetime.fromisoformat(start).astimezone(UTC)

    with pytest.raises(Refused) as refused:
        await clinic.answer(
            offered.identity.rid,
            Answer.TENTATIVE,
            start=at,
            end=at + timedelta(minutes=minutes),
        )

    assert codes(refused) == [code, *[Code.NEXT_FREE] * 3]
    assert refused.value.kind is kind
    assert await clinic.holds() == {"held": 3}


async def test_a_counter_proposal_of_a_held_window_is_refused(clinic: Booking) -> None:
    first, second = await clinic.a_referral("1"), await clinic.a_referral("2")
    free = await clinic.windows()
    (offered,) = (await clinic.propose(first, free[0])).appointments
    await clinic.propose(second, free[1])

    with pytest.raises(Refused) as refused:
        await clinic.answer(
            offered.identity.rid, Answer.TENTATIVE, start=free[1].start, end=free[1].end
        )

    assert codes(refused)[0] is Code.WINDOW_TAKEN


async def test_an_answer_after_the_hold_ran_out_is_late(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments
    clinic.world.clock.forward(hours=48)

    with pytest.raises(Refused) as before_the_timer:
        await clinic.answer(offered.identity.rid)
    await expire_holds(clinic.worker, clinic.world.service, ExpireHolds(referral=referral))
    with pytest.raises(Refused) as after_it:
        await clinic.answer(offered.identity.rid)

    assert codes(before_the_timer)[0] is codes(after_it)[0] is Code.WINDOW_TAKEN
    assert Code.NEXT_FREE in codes(after_it)


async def test_holds_that_ran_out_end_their_proposals_and_the_policy_proposes_again(
    clinic: Booking,
) -> None:
    referral = await clinic.a_referral()
    await clinic.propose(referral)
    clinic.world.clock.forward(hours=48)
    due = await clinic.worker.pool.fetch(
        "SELECT DISTINCT referral FROM due_work($1, 100, '{}') WHERE what = 'hold-expired'",
        clinic.world.clock.at,
    )

    expired = await expire_holds(
        clinic.worker, clinic.world.service, ExpireHolds(referral=referral)
    )
    again = await expire_holds(clinic.worker, clinic.world.service, ExpireHolds(referral=referral))

    assert [row["referral"] for row in due] == [referral]
    assert (len(expired.ended), again.ended) == (3, ())
    assert expired.case.stage is Stage.CLEARED
    assert await clinic.jobs("propose-again") == [referral]
    assert await clinic.holds() == {"released": 3}


async def test_a_patient_is_not_booked_twice_at_one_time(clinic: Booking) -> None:
    first = await clinic.a_referral("1")
    second = await clinic.another_order("1", "ORD-second")
    await clinic.world.apply(with_a_second_room())
    free = await clinic.windows()
    here, there = [one for one in free if one.start == free[0].start]
    await clinic.propose(first, here, said_by="the patient, by phone")
    (offered,) = (await clinic.propose(second, there)).appointments

    with pytest.raises(Refused) as refused:
        await clinic.answer(offered.identity.rid)

    assert codes(refused) == [Code.PATIENT_BOOKED]
    assert await clinic.stage(second) is Stage.PROPOSED


async def test_a_day_that_is_no_longer_clear_is_not_booked_and_a_person_decides(
    clinic: Booking,
) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments
    await clinic.starts_a_medication(referral)

    with pytest.raises(Refused) as refused:
        await clinic.answer(offered.identity.rid)

    assert codes(refused) == [Code.FINDING_OPEN]
    assert await clinic.stage(referral) is Stage.IN_REVIEW
    assert await clinic.holds() == {"released": 3}


async def test_staff_say_who_answered_by_phone(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments

    with pytest.raises(Refused) as refused:
        await clinic.answer(offered.identity.rid, caller=clinic.scheduler)
    answered = await clinic.answer(
        offered.identity.rid, caller=clinic.scheduler, comment="The patient, at 10:05"
    )

    assert codes(refused) == [Code.REASON_NEEDED]
    assert answered.case.stage is Stage.BOOKED


async def test_another_placer_sees_no_proposal_to_answer(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments
    stranger = clinic.world.client(await clinic.another_placer())

    with pytest.raises(Refused) as refused:
        await clinic.answer(offered.identity.rid, caller=stranger)

    assert codes(refused) == [Code.NOT_FOUND]


async def test_an_answer_of_another_patient_is_refused(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    (offered, *_) = (await clinic.propose(referral)).appointments
    said = Answered(
        appointment=offered.identity.rid,
        actor="Patient/somebody-else",
        answer=Answer.ACCEPTED,
        start=None,
        end=None,
        comment="",
    )

    with pytest.raises(Refused) as refused:
        await answer_proposal(clinic.deps, clinic.client, AnswerProposal(answered=said))

    assert codes(refused) == [Code.ANSWER_FORM]
