"""Who comes first is decided once: many connections, one barrier, real constraints."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from fhir_mappings.model.json import Tree
from fhir_mappings.model.proposal import Answer
from fhir_mappings.model.stage import Stage
from fhir_mappings.model.window import Window
from fhir_mappings.problems import Code, Refused
from service.flows.answer_proposal import ProposalAnswered
from service.flows.propose import Proposed
from tests.kit.booking import Booking, a_booking_clinic
from tests.kit.clinic import part, the_file
from tests.kit.database import Database

T = TypeVar("T")

CONNECTIONS = 16
REFERRALS, NAMED, WINDOWS, TIMES = 200, 20, 60, 10


def sixty_windows() -> Tree:
    """Return the clinic with five windows on each of twelve days."""
    bundle = the_file()
    part(bundle, "PractitionerRole", "a101")["availableTime"] = [
        {
            "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
            "availableStartTime": "09:30:00",
            "availableEndTime": "12:40:00",
        }
    ]
    part(bundle, "Schedule")["planningHorizon"] = {"start": "2026-12-01", "end": "2026-12-18"}
    return bundle


async def at_once(acts: Sequence[Callable[[], Awaitable[T]]]) -> list[T | Refused]:
    """Begin all acts at one barrier, as many at a time as there are connections."""
    turn = asyncio.Semaphore(CONNECTIONS)
    begin = asyncio.Event()

    async def one(act: Callable[[], Awaitable[T]]) -> T | Refused:
        await begin.wait()
        async with turn:
            try:
                return await act()
            except Refused as refused:
                return refused

    running = [asyncio.ensure_future(one(act)) for act in acts]
    begin.set()
    return await asyncio.gather(*running)


def codes(refused: Refused) -> list[Code]:
    return [one.code for one in refused.problems]


async def overlaps(clinic: Booking) -> int:
    """Count pairs of living holds over one clinician's or one room's time."""
    found: int = await clinic.world.owner.pool.fetchval(
        "SELECT count(*) FROM hold a JOIN hold b ON a.id < b.id"
        " WHERE a.state <> 'released' AND b.state <> 'released'"
        " AND (a.practitioner = b.practitioner OR a.location = b.location)"
        " AND tstzrange(a.starts, a.busy_until) && tstzrange(b.starts, b.busy_until)"
    )
    return found


async def compete(
    clinic: Booking, referrals: Sequence[UUID], named: Sequence[Window]
) -> list[Proposed | Refused]:
    """Let every referral ask for one of the named windows, ten for each, all at once."""

    def act(place: int) -> Callable[[], Awaitable[Proposed]]:
        return lambda: clinic.propose(referrals[place], named[place % len(named)])

    return await at_once([act(place) for place in range(len(referrals))])


async def accept_many_times(
    clinic: Booking, offered: Sequence[str]
) -> list[ProposalAnswered | Refused]:
    def act(appointment: str) -> Callable[[], Awaitable[ProposalAnswered]]:
        return lambda: clinic.answer(appointment)

    return await at_once([act(one) for _ in range(TIMES) for one in offered])


async def test_200_referrals_compete_for_20_windows_and_each_winner_is_booked_once(
    database: Database,
) -> None:
    async with a_booking_clinic(
        database, bundle=sixty_windows(), connections=CONNECTIONS
    ) as clinic:
        referrals = await clinic.many_referrals(REFERRALS)
        free = await clinic.windows()
        named = free[:NAMED]
        assert len(free) == WINDOWS

        answers = await compete(clinic, referrals, named)
        offered = [one.appointments[0].identity.rid for one in answers if isinstance(one, Proposed)]
        told = [codes(one) for one in answers if isinstance(one, Refused)]
        accepted = await accept_many_times(clinic, offered)

        rows = await clinic.world.owner.pool.fetch(
            "SELECT window_id, count(*) AS n FROM hold WHERE state = 'booked' GROUP BY window_id"
        )
        assert len(offered) == NAMED
        assert told == [[Code.NONE_OFFERED, Code.WINDOW_TAKEN, *[Code.NEXT_FREE] * 3]] * (
            REFERRALS - NAMED
        )
        assert not [one for one in accepted if isinstance(one, Refused)]
        done = [one for one in accepted if isinstance(one, ProposalAnswered)]
        assert Counter(one.repeated for one in done) == {
            False: NAMED,
            True: NAMED * (TIMES - 1),
        }
        assert len({one.response.identity for one in done if one.response}) == NAMED
        assert {row["window_id"]: row["n"] for row in rows} == {one.id: 1 for one in named}
        assert await overlaps(clinic) == 0


async def test_of_accept_and_decline_at_once_one_wins_and_the_other_is_refused(
    database: Database,
) -> None:
    async with a_booking_clinic(database, connections=CONNECTIONS) as clinic:
        referrals = await clinic.many_referrals(20)
        free = await clinic.windows()
        offered = [
            (await clinic.propose(referral, window)).appointments[0].identity.rid
            for referral, window in zip(referrals, free[:20], strict=True)
        ]

        def act(appointment: str, answer: Answer) -> Callable[[], Awaitable[ProposalAnswered]]:
            return lambda: clinic.answer(appointment, answer)

        answers = await at_once(
            [act(one, said) for one in offered for said in (Answer.ACCEPTED, Answer.DECLINED)]
        )

        for place, referral in enumerate(referrals):
            pair = answers[2 * place : 2 * place + 2]
            (lost,) = [one for one in pair if isinstance(one, Refused)]
            (won,) = [one for one in pair if isinstance(one, ProposalAnswered)]
            assert codes(lost) == [Code.STAGE]
            expected = Stage.BOOKED if pair[0] is won else Stage.CLEARED
            assert await clinic.stage(referral) is expected
        assert await overlaps(clinic) == 0


async def test_a_hold_that_expires_while_its_acceptance_arrives_is_one_or_the_other(
    database: Database,
) -> None:
    async with a_booking_clinic(database, connections=CONNECTIONS) as clinic:
        holders = await clinic.many_referrals(20)
        takers = await clinic.many_referrals(20, first=1_000)
        free = await clinic.windows()
        offered = [
            (await clinic.propose(referral, window)).appointments[0].identity.rid
            for referral, window in zip(holders, free[:20], strict=True)
        ]
        ends = clinic.world.clock.at + timedelta(hours=48)
        just_before = replace(
            clinic, deps=replace(clinic.deps, now=lambda: ends - timedelta(milliseconds=5))
        )
        just_after = replace(clinic, deps=replace(clinic.deps, now=lambda: ends))

        def accept(place: int) -> Callable[[], Awaitable[object]]:
            return lambda: just_before.answer(offered[place])

        def take(place: int) -> Callable[[], Awaitable[object]]:
            return lambda: just_after.propose(takers[place], free[place])

        answers = await at_once([act(place) for place in range(20) for act in (accept, take)])

        for place in range(20):
            lost = [one for one in answers[2 * place : 2 * place + 2] if isinstance(one, Refused)]
            assert len(lost) == 1
            assert codes(lost[0])[0] in {Code.WINDOW_TAKEN, Code.NONE_OFFERED}
        holds = await clinic.holds()
        assert holds.get("held", 0) + holds.get("booked", 0) == 20
        assert await overlaps(clinic) == 0


async def test_one_clinician_with_two_schedules_is_never_held_twice(database: Database) -> None:
    async with a_booking_clinic(database, connections=CONNECTIONS) as clinic:
        referrals = await clinic.many_referrals(40)
        free = (await clinic.windows())[:20]
        twins = await clinic.twin_windows(free)

        answers = await at_once(
            [
                (lambda r=referral, w=window: clinic.propose(r, w))
                for referral, window in zip(referrals, [*free, *twins], strict=True)
            ]
        )

        assert sum(isinstance(one, Proposed) for one in answers) == 20
        assert await clinic.holds() == {"held": 20}
        assert await overlaps(clinic) == 0


async def test_the_policy_never_offers_one_time_to_two_referrals_at_once(
    database: Database,
) -> None:
    async with a_booking_clinic(database, connections=CONNECTIONS) as clinic:
        referrals = await clinic.many_referrals(30)
        free = await clinic.windows()

        answers = await at_once([(lambda r=referral: clinic.propose(r)) for referral in referrals])

        offered = [len(one.appointments) for one in answers if isinstance(one, Proposed)]
        held = await clinic.world.owner.pool.fetch(
            "SELECT window_id FROM hold WHERE state = 'held'"
        )
        assert offered == [3] * 30
        assert {row["window_id"] for row in held} == {one.id for one in free[:90]}
        assert await overlaps(clinic) == 0
