"""One round of offering windows to a referral: which are held, and why others are not.

Who offers holds the referral's row lock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.decide.proposals import expiry, places, suits
from fhir_mappings.decide.windows import day_span
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.window import Span, Window
from fhir_mappings.problems import Code, Problem
from service.store import offers, windows
from service.store.days import Days, clinic_day
from service.store.offers import Terms, Wish
from service.store.pool import Conn

_AHEAD: Final = timedelta(days=366)
_MOST_LOOKED_AT: Final = 300
_MOST_WAITED_FOR: Final = 3


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a window is held, how near it may be, and how many are open at once (L19)."""

    hold: timedelta
    lead: timedelta
    open_at_most: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be offered: windows by name, else as wished; `booking` one at once."""

    windows: tuple[UUID, ...]
    wish: Wish
    expires: datetime | None
    booking: bool


@dataclass(kw_only=True)
class Round:
    """One round of offering: what is held, and why what was left out was left out."""

    conn: Conn
    case: Case
    standing: Sequence[Proposal]
    asked: Asked
    days: Days
    terms: Terms
    limits: Limits
    new_id: Callable[[], UUID]
    made: list[Proposal] = field(default_factory=list[Proposal])
    kept: list[Proposal] = field(default_factory=list[Proposal])  # of those made: held before
    gated: set[date] = field(default_factory=set[date])  # days that were told once
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def _room(self) -> int:
        if self.asked.booking:  # a booking takes no place: the open ones end with it
            return 1
        new = len(self.made) - len(self.kept)
        return places(self.standing, self.limits.open_at_most) - new

    async def offer(self) -> None:
        """Hold the windows named, else those that the policy finds."""
        if self.asked.windows:
            await self._offer_named()
        else:
            await self._offer_chosen()
            await offers.keep_wish(self.conn, self.case, self.asked.wish)

    async def _offer_named(self) -> None:
        found = await windows.find(self.conn, self.case.tenant, self.asked.windows)
        self.problems += [
            _left_out(Code.NOT_FOUND, one) for one in self.asked.windows if one not in found
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
        span = self._ready(_wished(self.asked.wish, self.terms, self.limits.lead))
        if span is None:
            return
        free = await windows.free(
            self.conn, start=span.start, end=span.end, at=self.terms.at, most=_MOST_LOOKED_AT
        )
        candidates = [one for one in free if one.id not in declined]
        await self._take(candidates, wait=False)
        if not self.made:
            await self._take(candidates[:_MOST_WAITED_FOR], wait=True)

    def _ready(self, wished: Span) -> Span | None:
        """Let a span begin on the first day with nothing open; None where it has no such day."""
        first = clinic_day(wished.start, self.terms.zone)
        self.problems += self.days.not_before(first)
        ready = self.days.clear_from(first)
        if ready is None:
            return None
        start = max(wished.start, day_span(ready, ready, self.terms.zone).start)
        return Span(start=start, end=wished.end) if start < wished.end else None

    async def _take(self, candidates: Sequence[Window], *, wait: bool) -> None:
        for window in candidates:
            if self._room <= 0:
                return
            taken = [one.span for one in self.made]
            if suits(window.span, taken, self.asked.wish.policy, self.terms.zone):
                await self._hold(window, wait=wait)

    async def _hold(self, window: Window, *, wait: bool = True) -> bool:
        """Hold a window whose day is clear; a day that is not is told once and not held."""
        day = clinic_day(window.start, self.terms.zone)
        if not self.days.clear(day):
            if day not in self.gated or self.asked.windows:
                self.problems.append(self.days.problem(window.id, day))
            self.gated.add(day)
            return True
        expires = expiry(
            window.start,
            self.terms.at,
            hold=self.limits.hold,
            lead=self.limits.lead,
            wanted=self.asked.expires,
        )
        offered = await offers.offer(
            self.conn,
            self.case,
            window,
            self.terms,
            expires=expires,
            new_id=self.new_id,
            named=wait,
        )
        if offered:
            self.made.append(offered)
        return offered is not None


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
