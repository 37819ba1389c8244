"""Offer a cleared referral windows that hold real time, or book one agreed by phone."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.proposals import proposes_again
from fhir_mappings.decide.stages import advance
from fhir_mappings.decide.windows import day_span
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Policy, Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import (
    acts,
    bookings,
    days,
    offers,
    proposals,
    referrals,
    resources,
    tasks,
    windows,
)
from service.store.days import clinic_day
from service.store.offers import Wish
from service.store.pool import Conn
from service.store.resources import Stored
from service.store.rounds import Asked, Limits, Round
from service.store.transaction import retried, transaction

_GATED = frozenset({Stage.IN_REVIEW, Stage.CONTRAINDICATED})


class Propose(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be proposed.

    `windows` are Slots by name, in no order; without them `policy` chooses between the clinic
    days `first` and `last`. `expires` ends the holds sooner or later than usual. `said_by` says
    who agreed by phone to the one window named: it is booked at once. `version` is the Task's,
    where the caller names one.
    """

    referral: UUID
    windows: tuple[UUID, ...] = ()
    policy: Policy = Policy.EARLIEST
    first: date | None = None
    last: date | None = None
    expires: datetime | None = None
    said_by: str = ""
    version: int | None = None


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """The referral, its Appointments as stored, and why each window left out was left out."""

    case: Case
    appointments: tuple[Stored, ...]
    not_offered: tuple[Problem, ...]


@retried
async def propose(deps: Deps, caller: Caller, command: Propose) -> Proposed:
    """Hold up to three windows, each screened for its own day, and propose them.

    What this referral has open already is answered as it is. The service proposes again by the
    last policy, three rounds at most; where nothing can be offered it leaves the referral cleared,
    for a person to see.

    Raises:
        Refused: `role`; `not-found`; `stale`; `stage`; `bad-date` for an expiry in the past;
            `none-offered` with the reasons and the next free windows; `patient-booked`.
    """
    allow(caller, Verb.PROPOSE)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        await tasks.expect(conn, case, version=command.version)
        standing = await _living(conn, case, now)
        if repeated := _said_before(caller, command, case, standing):
            return await _answer(conn, case, repeated, ())
        if caller.is_service and not _again(case, standing):
            return Proposed(case=case, appointments=(), not_offered=())
        if case.stage in _GATED:
            raise await _not_yet(deps, conn, caller, case, now)
        stage = advance(case.stage, Event.PROPOSE, Standing())
        round_ = await _round(deps, conn, caller, command, case, standing, now)
        await round_.offer()
        if not round_.made and not caller.is_service:
            ahead = await _ahead(conn, caller, round_, now)
            raise Refused(Problem(Code.NONE_OFFERED), *round_.problems, *ahead)
        if command.said_by:
            case = await _book(deps, conn, command, case, round_)
        elif round_.made:
            case = await referrals.move(conn, case, stage, at=now, rounds=round_.terms.round)
        await acts.leave(
            conn,
            caller,
            case,
            Verb.PROPOSE,
            targets=[f"Appointment/{one.id}" for one in round_.made],
            at=now,
            new_id=deps.new_id,
        )
        answer = await _answer(conn, case, round_.made, round_.problems)
    deps.wake()
    return answer


async def _not_yet(deps: Deps, conn: Conn, caller: Caller, case: Case, now: datetime) -> Refused:
    """Refuse what waits for a decision, and name the first day that needs none, if there is one."""
    today = clinic_day(now, caller.zone)
    judged = await days.of_case(conn, case, deps.pack, today=today)
    return Refused(Problem(Code.STAGE, context=case.stage.value), *judged.not_before(today))


async def _ahead(conn: Conn, caller: Caller, round_: Round, now: datetime) -> tuple[Problem, ...]:
    """Name the next free windows from the first day on that is clear; none where none is."""
    ready = round_.days.clear_from(clinic_day(now, caller.zone))
    if ready is None:
        return ()
    start = day_span(ready, ready, caller.zone).start
    return await windows.next_free(conn, at=now, zone=caller.zone, start=start)


async def _round(
    deps: Deps,
    conn: Conn,
    caller: Caller,
    command: Propose,
    case: Case,
    standing: Sequence[Proposal],
    now: datetime,
) -> Round:
    wish = await offers.wish(conn, case) if caller.is_service else _wish(command)
    number = case.rounds + 1 if caller.is_service else 1  # a person begins to count anew
    settings = deps.settings
    return Round(
        conn=conn,
        case=case,
        standing=standing,
        asked=Asked(
            windows=command.windows,
            wish=wish,
            expires=command.expires,
            booking=bool(command.said_by),
        ),
        days=await days.of_case(conn, case, deps.pack, today=clinic_day(now, caller.zone)),
        terms=await offers.terms(conn, case, at=now, zone=caller.zone, round_=number),
        limits=Limits(
            hold=timedelta(hours=settings.hold_hours),
            lead=timedelta(hours=settings.hold_lead_hours),
            open_at_most=settings.proposals_open,
        ),
        new_id=deps.new_id,
    )


async def _book(deps: Deps, conn: Conn, command: Propose, case: Case, offered: Round) -> Case:
    """Book the one window that was agreed by phone."""
    (agreed,) = offered.made
    booked, _ = await bookings.book(
        conn,
        case,
        agreed,
        offered.days,
        at=offered.terms.at,
        zone=offered.terms.zone,
        by=command.said_by,
        new_id=deps.new_id,
    )
    return booked


async def _living(conn: Conn, case: Case, now: datetime) -> list[Proposal]:
    """End what ran out since the timer last looked, and return what the referral has."""
    standing = await proposals.of_referral(conn, case)
    overdue = [one for one in standing if one.state is ProposalState.OPEN and one.expires <= now]
    for one in overdue:
        await proposals.turn(conn, case, one, ProposalState.EXPIRED, at=now)
    return await proposals.of_referral(conn, case) if overdue else standing


def _said_before(
    caller: Caller, command: Propose, case: Case, standing: Sequence[Proposal]
) -> list[Proposal]:
    """Return what an equal act of before left standing, where this is its repeat."""
    if caller.is_service:
        return []
    if command.said_by and case.stage is Stage.BOOKED:
        return [
            one
            for one in standing
            if one.state is ProposalState.ACCEPTED and one.window in command.windows
        ]
    held = [one for one in standing if one.state is ProposalState.OPEN]
    if command.said_by or case.stage is not Stage.PROPOSED:
        return []
    if not command.windows:
        return held
    return held if {one.window for one in held} == set(command.windows) else []


def _again(case: Case, standing: Sequence[Proposal]) -> bool:
    still_open = sum(one.state is ProposalState.OPEN for one in standing)
    return case.stage is Stage.CLEARED and proposes_again(case.rounds, still_open=still_open)


def _wish(command: Propose) -> Wish:
    return Wish(
        policy=command.policy,
        first=command.first.isoformat() if command.first else "",
        last=command.last.isoformat() if command.last else "",
    )


async def _answer(
    conn: Conn, case: Case, made: Sequence[Proposal], problems: Sequence[Problem]
) -> Proposed:
    identities = [Identity(rtype="Appointment", rid=str(one.id)) for one in made]
    stored = await resources.find_many(conn, case.tenant, case.placer_id, identities)
    return Proposed(
        case=case,
        appointments=tuple(stored[one] for one in identities),
        not_offered=tuple(problems),
    )
