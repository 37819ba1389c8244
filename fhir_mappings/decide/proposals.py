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

ROUNDS_AT_MOST: Final = 3
"""How often the policy proposes by itself before a person must look (PROTOCOL §6)."""


class Effect(Enum):
    """What one answer does."""

    REPEAT = "repeat"  # said before: the first answer's address, nothing stored
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
        Refused: `window-taken` where the hold ran out or went to another, `stage` where it was
            answered otherwise, `bad-window` where a counter-proposal's time cannot be one.
    """
    if standing is not None and _same(standing, answered):
        return Effect.REPEAT
    if proposal.state is ProposalState.OPEN and proposal.expires > now:
        return _first(proposal, answered, now)
    if _agrees(proposal.state, answered.answer) and standing is None:
        return Effect.AGREE
    late = proposal.state in {
        ProposalState.OPEN,
        ProposalState.EXPIRED,
        ProposalState.WITHDRAWN,
    }
    code = Code.WINDOW_TAKEN if late and bookable else Code.STAGE
    raise Refused(Problem(code, "AppointmentResponse.appointment", proposal.state.value))


def places(proposals: Sequence[Proposal], most: int) -> int:
    """Say how many more proposals a referral may have open, of `most` (SECURITY L19)."""
    standing = sum(one.state is ProposalState.OPEN for one in proposals)
    return max(most - standing, 0)


def _first(proposal: Proposal, answered: Answered, now: datetime) -> Effect:
    match answered.answer:
        case Answer.ACCEPTED:
            if answered.start not in {None, proposal.start}:  # R4: "requested new start time"
                raise Refused(Problem(Code.BAD_WINDOW, "AppointmentResponse.start"))
            return Effect.BOOK
        case Answer.DECLINED:
            return Effect.RELEASE
        case Answer.TENTATIVE:
            start, end = answered.start, answered.end
            length = proposal.end - proposal.start
            if start is None or end is None or start <= now or end - start != length:
                raise Refused(Problem(Code.BAD_WINDOW, "AppointmentResponse.start"))
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
