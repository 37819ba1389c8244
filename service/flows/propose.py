"""Offer a cleared referral windows that hold real time, or book one agreed by phone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.proposals import expiry, places, proposes_again, suits
from fhir_mappings.decide.stages import advance
from fhir_mappings.decide.windows import day_span
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Policy, Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.model.window import Span, Window
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
from service.store.days import Days, clinic_day
from service.store.offers import Terms, Wish
from service.store.pool import Conn
from service.store.resources import Stored
from service.store.transaction import retried, transaction

_AHEAD: Final = timedelta(days=366)
_MOST_LOOKED_AT: Final = 300
_MOST_WAITED_FOR: Final = 3


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
        standing = await proposals.of_referral(conn, case)
        if repeated := _said_before(caller, command, case, standing):
            return await _answer(conn, case, repeated, ())
        if caller.is_service and not _again(case, standing):
            return Proposed(case=case, appointments=(), not_offered=())
        stage = advance(case.stage, Event.PROPOSE, Standing())
        round_ = await _begin(deps, conn, caller, command, case, standing, now)
        await round_.offer()
        if not round_.made and not caller.is_service:
            ahead = await windows.next_free(conn, at=now, zone=caller.zone)
            raise Refused(Problem(Code.NONE_OFFERED), *round_.problems, *ahead)
        if command.said_by:
            case = await round_.book()
        elif round_.made:
            case = await referrals.move(conn, case, stage, at=now, rounds=round_.number)
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


@dataclass(kw_only=True)
class _Round:
    """One round of offering: what is held, and why what was left out was left out."""

    deps: Deps
    conn: Conn
    command: Propose
    case: Case
    standing: Sequence[Proposal]
    wish: Wish
    days: Days
    terms: Terms
    made: list[Proposal] = field(default_factory=list[Proposal])
    kept: list[Proposal] = field(default_factory=list[Proposal])  # of those made: held before
    gated: set[date] = field(default_factory=set[date])  # days that were told once
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def number(self) -> int:
        """Return which round this is; a person begins to count anew."""
        return self.terms.round

    @property
    def _room(self) -> int:
        if self.command.said_by:  # a booking takes no place: the open ones end with it
            return 1
        new = len(self.made) - len(self.kept)
        return places(self.standing, self.deps.settings.proposals_open) - new

    async def offer(self) -> None:
        """Hold the windows named, else those that the policy finds."""
        if self.command.windows:
            await self._offer_named()
        else:
            await self._offer_chosen()
            await offers.keep_wish(self.conn, self.case, self.wish)

    async def book(self) -> Case:
        """Book the one window that was agreed by phone."""
        (agreed,) = self.made
        case, _ = await bookings.book(
            self.conn,
            self.case,
            agreed,
            self.days,
            at=self.terms.at,
            zone=self.terms.zone,
            by=self.command.said_by,
            new_id=self.deps.new_id,
        )
        return case

    async def _offer_named(self) -> None:
        found = await windows.find(self.conn, self.case.tenant, self.command.windows)
        self.problems += [
            _left_out(Code.NOT_FOUND, one) for one in self.command.windows if one not in found
        ]
        ours = {one.window: one for one in self.standing if one.state is ProposalState.OPEN}
        for window in found.values():
            if window.id in ours:
                self.made.append(ours[window.id])
                self.kept.append(ours[window.id])
            elif self._room <= 0:
                self.problems.append(_left_out(Code.STAGE, window.id, "no room for another"))
            elif not await self._hold(window):
                self.problems.append(_left_out(Code.WINDOW_TAKEN, window.id))

    async def _offer_chosen(self) -> None:
        """Take what suits in order of time; what others take right now only if nothing else is."""
        declined = {one.window for one in self.standing if one.state is ProposalState.DECLINED}
        span = _wished(self.wish, self.terms, self._lead)
        free = await windows.free(
            self.conn, start=span.start, end=span.end, at=self.terms.at, most=_MOST_LOOKED_AT
        )
        candidates = [one for one in free if one.id not in declined]
        await self._take(candidates, wait=False)
        if not self.made:
            await self._take(candidates[:_MOST_WAITED_FOR], wait=True)

    async def _take(self, candidates: Sequence[Window], *, wait: bool) -> None:
        for window in candidates:
            if self._room <= 0:
                return
            taken = [one.span for one in self.made]
            if suits(window.span, taken, self.wish.policy, self.terms.zone):
                await self._hold(window, wait=wait)

    async def _hold(self, window: Window, *, wait: bool = True) -> bool:
        """Hold a window whose day is clear; a day that is not is told once and not held."""
        day = clinic_day(window.start, self.terms.zone)
        if not self.days.clear(day):
            if day not in self.gated or self.command.windows:
                self.problems.append(self.days.problem(window.id, day))
            self.gated.add(day)
            return True
        settings = self.deps.settings
        expires = expiry(
            window.start,
            self.terms.at,
            hold=timedelta(hours=settings.hold_hours),
            lead=self._lead,
            wanted=self.command.expires,
        )
        offered = await offers.offer(
            self.conn,
            self.case,
            window,
            self.terms,
            expires=expires,
            new_id=self.deps.new_id,
            named=wait,
        )
        if offered:
            self.made.append(offered)
        return offered is not None

    @property
    def _lead(self) -> timedelta:
        return timedelta(hours=self.deps.settings.hold_lead_hours)


async def _begin(
    deps: Deps,
    conn: Conn,
    caller: Caller,
    command: Propose,
    case: Case,
    standing: Sequence[Proposal],
    now: datetime,
) -> _Round:
    by_service = caller.is_service
    wish = await offers.wish(conn, case) if by_service else _wish(command)
    number = case.rounds + 1 if by_service else 1
    return _Round(
        deps=deps,
        conn=conn,
        command=command,
        case=case,
        standing=standing,
        wish=wish,
        days=await days.of_case(conn, case, deps.pack, today=clinic_day(now, caller.zone)),
        terms=await offers.terms(conn, case, at=now, zone=caller.zone, round_=number),
    )


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


def _wished(wish: Wish, terms: Terms, lead: timedelta) -> Span:
    """Return when the policy may look: the days wished for, never nearer than the lead."""
    soonest = terms.at + lead
    first = date.fromisoformat(wish.first) if wish.first else clinic_day(soonest, terms.zone)
    last = date.fromisoformat(wish.last) if wish.last else first + _AHEAD
    days_wished = day_span(first, last, terms.zone)
    return Span(start=max(days_wished.start, soonest), end=days_wished.end)


def _left_out(code: Code, window: UUID, why: str = "") -> Problem:
    where = f"Slot/{window}"
    return Problem(
        code,
        "Parameters.parameter.where(name = 'window')",
        f"{where}: {why}" if why else where,
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
