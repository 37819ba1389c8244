"""Which windows to offer, for how long, what an answer does, and what follows a decline.

Source: PROTOCOL §6 "Proposal" and "Answer"; SECURITY L19 (48 h, three open per referral).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final

from fhir_mappings.decide.windows import local
from fhir_mappings.model.proposal import Answer, Answered, Policy, Proposal, ProposalState
from fhir_mappings.model.window import Span
from fhir_mappings.problems import Code, Problem, Refused

_LATE: Final = frozenset({ProposalState.OPEN, ProposalState.EXPIRED, ProposalState.WITHDRAWN})
"""Proposals that nobody answered in time; an open one only once its hold ran out."""

ROUNDS_AT_MOST: Final = 3
"""How often the policy proposes by itself before a person must look (PROTOCOL §6)."""


class Effect(Enum):
    """What one answer does."""

    REPEAT = "repeat"  # said before: the first answer's address, nothing stored
    LATE = "late"  # the hold ran out, or its time went to another
    NO_TIME = "no-time"  # no window can be at the time asked for
    AGREE = "agree"  # what is so already, said for the first time: kept for the record
    BOOK = "book"
    RELEASE = "release"
    COUNTER = "counter"


def expiry(
    start: datetime, now: datetime, *, hold: timedelta, lead: timedelta, wanted: datetime | None
) -> datetime:
    """Say until when a window is held: the earlier of the hold's end and `start` less the lead.

    `wanted` replaces `now + hold`. A window nearer than the lead, offered by name, is held until
    it starts.

    Raises:
        Refused: `bad-date` when `wanted` is not in the future.
    """
    if wanted is not None and wanted <= now:
        raise Refused(Problem(Code.BAD_DATE, "Parameters.parameter.where(name='expires')"))
    latest = start if near(start, now, lead=lead) else start - lead
    return min(wanted or now + hold, latest)


def near(start: datetime, now: datetime, *, lead: timedelta) -> bool:
    """Tell whether a window begins within the lead: such are offered only by name."""
    return start - lead <= now


def suits(span: Span, chosen: Iterable[Span], policy: Policy, zone: str) -> bool:
    """Tell whether a policy would offer a window's time beside those chosen already.

    No two at the same time; `spread` takes one a clinic day.
    """
    for other in chosen:
        if span.overlaps(other):
            return False
        if policy is Policy.SPREAD and _day(span, zone) == _day(other, zone):
            return False
    return True


def proposes_again(rounds: int, *, still_open: int) -> bool:
    """Tell whether the policy proposes after a decline or expiry; `rounds` it has made so far."""
    return still_open == 0 and rounds < ROUNDS_AT_MOST


def effect(
    proposal: Proposal,
    answered: Answered,
    *,
    standing: Answered | None,
    bookable: bool,
    now: datetime,
) -> Effect:
    """Say what an answer does to its proposal.

    `standing` is the answer kept for it, if any; `bookable` whether the referral's stage could
    still be booked.

    Raises:
        Refused: `stage` where it was answered otherwise.
    """
    if standing is not None and _same(standing, answered):
        return Effect.REPEAT
    if proposal.state is ProposalState.OPEN and proposal.expires > now:
        return _first(proposal, answered, now)
    if _agrees(proposal.state, answered.answer) and standing is None:
        return Effect.AGREE
    if bookable and proposal.state in _LATE:
        return Effect.LATE
    raise Refused(Problem(Code.STAGE, "AppointmentResponse.appointment", proposal.state.value))


def places(proposals: Sequence[Proposal], most: int) -> int:
    """Say how many more proposals a referral may have open, of `most` (SECURITY L19)."""
    standing = sum(one.state is ProposalState.OPEN for one in proposals)
    return max(most - standing, 0)


def _first(proposal: Proposal, answered: Answered, now: datetime) -> Effect:
    match answered.answer:
        case Answer.ACCEPTED:
            other = answered.start not in {None, proposal.start}  # R4: "requested new start time"
            return Effect.NO_TIME if other else Effect.BOOK
        case Answer.DECLINED:
            return Effect.RELEASE
        case Answer.TENTATIVE:
            asked, length = answered.span, proposal.end - proposal.start
            if asked is None or asked.start <= now or asked.end - asked.start != length:
                return Effect.NO_TIME
            return Effect.COUNTER


def _same(standing: Answered, answered: Answered) -> bool:
    return (
        standing.appointment,
        standing.actor,
        standing.answer,
        standing.start,
        standing.end,
    ) == (
        answered.appointment,
        answered.actor,
        answered.answer,
        answered.start,
        answered.end,
    )


def _agrees(state: ProposalState, answer: Answer) -> bool:
    return (state, answer) in {
        (ProposalState.ACCEPTED, Answer.ACCEPTED),
        (ProposalState.DECLINED, Answer.DECLINED),
    }


def _day(span: Span, zone: str) -> date:
    return local(span.start, zone).date()
