"""Proposals hold real time, screened for their own day; none offered says what is free."""

from collections.abc import AsyncGenerator
from datetime import date, timedelta
from uuid import UUID

import pytest

from fhir_mappings.model.caller import Caller, Role
from fhir_mappings.model.json import items, text
from fhir_mappings.model.proposal import Policy, ProposalState
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Refused
from service.flows.expire_holds import ExpireHolds, expire_holds
from service.flows.propose import Propose, propose
from service.store import days, referrals
from service.store.transaction import transaction
from tests.kit.booking import Booking, a_booking_clinic
from tests.kit.database import Database
from tests.kit.referrals import Bundle, a_payload, resource_of, taken


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Booking]:
    async with a_booking_clinic(database) as one:
        yield one


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[Code]:
    return [one.code for one in refused.value.problems]


async def test_the_earliest_three_windows_are_held_and_shown(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()

    proposed = await clinic.propose(referral)

    held = await clinic.proposals(referral)
    assert proposed.case.stage is Stage.PROPOSED
    assert [one.window for one in held] == [one.id for one in free[:3]]
    assert {one.expires for one in held} == {clinic.world.clock.at + timedelta(hours=48)}
    assert [one.tree["status"] for one in proposed.appointments] == ["proposed"] * 3
    assert await clinic.holds() == {"held": 3}
    assert (await clinic.windows())[0].id == free[3].id


async def test_the_placer_is_told_on_its_task(clinic: Booking) -> None:
    referral = await clinic.a_referral()

    proposed = await clinic.propose(referral)

    task = await clinic.shown("Task", proposed.case.task_rid)
    named = [
        text(one, "valueReference", "reference")
        for one in items(task["output"])
        if text(one, "valueReference", "reference").startswith("Appointment/")
    ]
    assert task["status"] == "accepted"
    assert named == [str(one.identity) for one in proposed.appointments]


async def test_spread_offers_one_window_a_day_between_the_days_asked_for(
    clinic: Booking,
) -> None:
    referral = await clinic.a_referral()
    command = Propose(
        referral=referral,
        policy=Policy.SPREAD,
        first=date(2026, 12, 4),
        last=date(2026, 12, 15),
    )

    await propose(clinic.deps, clinic.scheduler, command)

    days = [one.start.date().day for one in await clinic.proposals(referral)]
    assert days == [4, 8, 15]  # Friday, Tuesday; away on the 10th and 11th; Tuesday


async def test_windows_by_name_are_held_as_named(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()

    await clinic.propose(referral, free[7], free[2])

    assert {one.window for one in await clinic.proposals(referral)} == {free[7].id, free[2].id}


async def test_the_same_act_again_answers_with_what_is_held(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    first = await clinic.propose(referral)

    again = await clinic.propose(referral)

    assert [one.identity for one in again.appointments] == [
        one.identity for one in first.appointments
    ]
    assert await clinic.holds() == {"held": 3}


async def test_a_window_held_by_another_is_not_offered_and_the_next_free_are_told(
    clinic: Booking,
) -> None:
    first, second = await clinic.a_referral("1"), await clinic.a_referral("2")
    free = await clinic.windows()
    await clinic.propose(first, free[0])

    with pytest.raises(Refused) as refused:
        await clinic.propose(second, free[0])

    assert codes(refused) == [Code.NONE_OFFERED, Code.WINDOW_TAKEN, *[Code.NEXT_FREE] * 3]
    assert f"Slot/{free[1].id}, 10:10 on 1 December 2026" in refused.value.problems[2].context
    assert await clinic.stage(second) is Stage.CLEARED


async def test_what_could_be_held_is_offered_and_the_rest_said(clinic: Booking) -> None:
    first, second = await clinic.a_referral("1"), await clinic.a_referral("2")
    free = await clinic.windows()
    await clinic.propose(first, free[0])

    proposed = await clinic.propose(second, free[0], free[1])

    assert [one.code for one in proposed.not_offered] == [Code.WINDOW_TAKEN]
    assert [one.window for one in await clinic.proposals(second)] == [free[1].id]


async def test_no_more_than_three_are_open_at_once(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    await clinic.propose(referral, *free[:3])

    with pytest.raises(Refused) as refused:
        await clinic.propose(referral, free[5])

    assert codes(refused)[:2] == [Code.NONE_OFFERED, Code.STAGE]


async def test_windows_held_before_take_no_second_place(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    await clinic.propose(referral, *free[:2])

    proposed = await clinic.propose(referral, free[0], free[5])

    assert proposed.not_offered == ()
    assert {one.window for one in await clinic.proposals(referral)} == {
        free[0].id,
        free[1].id,
        free[5].id,
    }


async def test_another_window_is_agreed_by_phone_while_three_are_open(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    await clinic.propose(referral, *free[:3])

    proposed = await clinic.propose(referral, free[7], said_by="the patient, by phone")

    assert proposed.case.stage is Stage.BOOKED
    assert await clinic.holds() == {"booked": 1, "released": 3}


async def test_what_was_agreed_by_phone_is_booked_at_once(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()

    proposed = await clinic.propose(referral, free[4], said_by="the patient, by phone")

    (booked,) = await clinic.proposals(referral)
    assert proposed.case.stage is Stage.BOOKED
    assert proposed.case.planned_date == date(2026, 12, 3)
    assert proposed.appointments[0].tree["status"] == "booked"
    assert booked.state is ProposalState.ACCEPTED
    assert await clinic.holds() == {"booked": 1}


async def test_one_agreed_by_phone_frees_the_others(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    await clinic.propose(referral, *free[:3])

    await clinic.propose(referral, free[1], said_by="the patient, by phone")

    states = [one.state for one in await clinic.proposals(referral)]
    assert states == [ProposalState.WITHDRAWN, ProposalState.ACCEPTED, ProposalState.WITHDRAWN]
    assert await clinic.holds() == {"booked": 1, "released": 2}


async def test_what_ran_out_before_the_timer_came_is_proposed_anew(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    free = await clinic.windows()
    await clinic.propose(referral, free[0])
    clinic.world.clock.forward(hours=48)

    await clinic.propose(referral, free[0])

    states = [one.state for one in await clinic.proposals(referral)]
    assert sorted(states) == [ProposalState.EXPIRED, ProposalState.OPEN]
    assert await clinic.holds() == {"held": 1, "released": 1}


async def test_an_expired_hold_blocks_nobody(clinic: Booking) -> None:
    first, second = await clinic.a_referral("1"), await clinic.a_referral("2")
    free = await clinic.windows()
    await clinic.propose(first, free[0])
    clinic.world.clock.forward(hours=48)

    await clinic.propose(second, free[0])

    assert [one.window for one in await clinic.proposals(second)] == [free[0].id]
    assert await clinic.holds() == {"held": 1, "released": 1}


async def test_near_windows_are_offered_only_by_name_and_held_until_they_start(
    clinic: Booking,
) -> None:
    by_name, by_policy = await clinic.a_referral("1"), await clinic.a_referral("2")
    soonest = (await clinic.windows())[0]
    clinic.world.clock.at = soonest.start - timedelta(hours=1)

    await clinic.propose(by_name, soonest)
    await clinic.propose(by_policy)

    (named,) = await clinic.proposals(by_name)
    chosen = await clinic.proposals(by_policy)
    assert named.expires == soonest.start
    assert min(one.start for one in chosen) >= clinic.world.clock.at + timedelta(hours=2)


async def test_a_referral_in_review_gets_no_proposal(clinic: Booking) -> None:
    referral = await a_gated_referral(clinic)

    with pytest.raises(Refused) as refused:
        await clinic.propose(referral)

    assert codes(refused) == [Code.STAGE, Code.FINDING_OPEN]
    assert await clinic.holds() == {}


async def test_a_referral_in_review_is_told_the_first_day_that_needs_no_decision(
    clinic: Booking,
) -> None:
    received = await taken(clinic.deps, clinic.client, stopped_the_day_before(clinic))
    assert received.stage is Stage.IN_REVIEW

    with pytest.raises(Refused) as refused:
        await clinic.propose(received.referral)

    assert codes(refused) == [Code.STAGE, Code.FINDING_OPEN, Code.CLEAR_FROM]
    assert refused.value.problems[2].context == str(await clear_from(clinic, received.referral))


async def test_the_policy_begins_on_the_first_day_with_nothing_open(clinic: Booking) -> None:
    referral = await wished_later(clinic)
    ready = await clear_from(clinic, referral)
    free = [one for one in await clinic.windows() if one.start.date() >= ready]

    proposed = await clinic.propose(referral)

    held = await clinic.proposals(referral)
    assert (await clinic.windows())[0].start.date() < ready
    assert [one.window for one in held] == [one.id for one in free[:3]]
    assert [one.code for one in proposed.not_offered] == [Code.FINDING_OPEN, Code.CLEAR_FROM]


async def test_where_no_day_wished_for_is_clear_the_first_that_is_is_named(
    clinic: Booking,
) -> None:
    referral = await wished_later(clinic)
    ready = await clear_from(clinic, referral)
    command = Propose(referral=referral, last=ready - timedelta(days=1))

    with pytest.raises(Refused) as refused:
        await propose(clinic.deps, clinic.scheduler, command)

    none, _, clear, *ahead = refused.value.problems
    assert (none.code, clear.code, clear.context) == (
        Code.NONE_OFFERED,
        Code.CLEAR_FROM,
        str(ready),
    )
    assert [one.code for one in ahead] == [Code.NEXT_FREE] * 3
    assert await clinic.holds() == {}


async def test_a_window_by_name_before_that_day_is_not_held(clinic: Booking) -> None:
    referral = await wished_later(clinic)
    early = (await clinic.windows())[0]

    with pytest.raises(Refused) as refused:
        await clinic.propose(referral, early)

    assert codes(refused)[:2] == [Code.NONE_OFFERED, Code.FINDING_OPEN]


def stopped_the_day_before(clinic: Booking) -> Bundle:
    """An order whose patient took the last of a drug yesterday."""
    bundle = a_payload("anticoagulated")
    end = clinic.world.clock.at.date() - timedelta(days=1)
    resource_of(bundle, "MedicationStatement").update(
        status="stopped", effectivePeriod={"start": "2026-03", "end": f"{end}"}
    )
    return bundle


async def wished_later(clinic: Booking) -> UUID:
    """The same order on the eve of the first windows, wished for when that no longer matters."""
    first = (await clinic.windows())[0].start
    clinic.world.clock.at = first - timedelta(days=1)
    bundle = stopped_the_day_before(clinic)
    order = resource_of(bundle, "ServiceRequest")
    order.pop("occurrencePeriod", None)
    order["occurrenceDateTime"] = f"{clinic.world.clock.at.date() + timedelta(days=40)}"
    received = await taken(clinic.deps, clinic.client, bundle)
    assert received.stage is Stage.CLEARED
    return received.referral


async def clear_from(clinic: Booking, referral: UUID) -> date:
    """The first day for which a screening of today leaves nothing open, found day by day."""
    today = clinic.world.clock.at.date()
    async with transaction(
        clinic.deps.pool, tenant=clinic.world.tenant, placer=clinic.scheduler.reach
    ) as conn:
        case = await referrals.find(conn, clinic.world.tenant, referral)
        judged = await days.of_case(conn, case, clinic.deps.pack, today=today)
    ahead = (today + timedelta(days=one) for one in range(60))
    return next(day for day in ahead if judged.clear(day))


async def a_gated_referral(clinic: Booking) -> UUID:
    received = await taken(clinic.deps, clinic.client, a_payload("anticoagulated"))
    assert received.stage is Stage.IN_REVIEW
    return received.referral


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.OPERATOR, Role.TESTER])
async def test_only_schedulers_and_clinicians_propose(clinic: Booking, role: Role) -> None:
    referral = await clinic.a_referral()

    with pytest.raises(Refused) as refused:
        await clinic.propose(referral, caller=clinic.world.staff(role))

    assert codes(refused) == [Code.ROLE]


async def test_a_placer_may_not_propose(clinic: Booking) -> None:
    referral = await clinic.a_referral()

    with pytest.raises(Refused) as refused:
        await clinic.propose(referral, caller=clinic.client)

    assert codes(refused) == [Code.ROLE]


async def test_an_unknown_window_is_told_as_such(clinic: Booking) -> None:
    referral = await clinic.a_referral()
    command = Propose(referral=referral, windows=(UUID(int=1),))

    with pytest.raises(Refused) as refused:
        await propose(clinic.deps, clinic.scheduler, command)

    assert codes(refused)[:2] == [Code.NONE_OFFERED, Code.NOT_FOUND]


async def test_another_version_of_the_task_is_refused(clinic: Booking) -> None:
    referral = await clinic.a_referral()

    with pytest.raises(Refused) as refused:
        await propose(clinic.deps, clinic.scheduler, Propose(referral=referral, version=7))

    assert codes(refused) == [Code.STALE]


async def test_the_service_proposes_by_the_last_policy_at_most_three_rounds(
    clinic: Booking,
) -> None:
    referral = await clinic.a_referral()
    service: Caller = clinic.world.service
    rounds: list[int] = []

    for _ in range(5):
        proposed = await propose(clinic.worker, service, Propose(referral=referral))
        rounds.append(len(proposed.appointments))
        clinic.world.clock.forward(hours=49)
        await expire(clinic, referral)

    assert rounds == [3, 3, 3, 0, 0]
    assert await clinic.stage(referral) is Stage.CLEARED


async def expire(clinic: Booking, referral: UUID) -> None:
    await expire_holds(clinic.worker, clinic.world.service, ExpireHolds(referral=referral))
