"""A proposal becomes the booking, or the day's screening stands against it.

Who writes here holds the referral's row lock.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from fhir_mappings.decide.proposals import proposes_again
from fhir_mappings.decide.stages import advance, screened
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage, Standing
from service.store import outbox, proposals, referrals, screenings
from service.store.days import Days, clinic_day
from service.store.outbox import JobKind
from service.store.pool import Conn
from service.store.screenings import Judged

_ELSEWHERE = "Another time was booked"


async def book(
    conn: Conn,
    case: Case,
    proposal: Proposal,
    days: Days,
    *,
    at: datetime,
    zone: str,
    by: str,
    new_id: Callable[[], UUID],
    answer_rid: str = "",
) -> tuple[Case, Judged]:
    """Book a proposal whose day is clear: its siblings are released with it, its screening kept.

    Raises:
        Refused: `window-taken` where the hold ran out; `patient-booked`; `stage`.
    """
    day = clinic_day(proposal.start, zone)
    stage = advance(case.stage, Event.BOOK, Standing())
    await proposals.turn(
        conn, case, proposal, ProposalState.ACCEPTED, at=at, by=by, answer_rid=answer_rid
    )
    await proposals.withdraw_open(conn, case, at=at, reason=_ELSEWHERE)
    judged = await _record(conn, case, days, proposal, at=at, zone=zone, new_id=new_id)
    moved = await referrals.move(
        conn, case, stage, at=at, planned_date=day, outcome=judged.screening.outcome, rounds=0
    )
    return moved, judged


async def release(
    conn: Conn,
    case: Case,
    ended: Sequence[Proposal],
    state: ProposalState,
    *,
    at: datetime,
    new_id: Callable[[], UUID],
    by: str = "",
    reason: str = "",
    answer_rid: str = "",
) -> Case:
    """End open proposals; with the last one gone the referral waits for the next.

    The policy proposes again by a job of the outbox, three rounds at most (PROTOCOL §6); not
    after a person of the clinic withdrew them.
    """
    for one in ended:
        await proposals.turn(
            conn, case, one, state, at=at, by=by, reason=reason, answer_rid=answer_rid
        )
    living = await proposals.standing(conn, case)
    if living.proposals or case.stage is not Stage.PROPOSED:
        return await referrals.move(conn, case, case.stage, at=at)
    stage = advance(case.stage, Event.PROPOSALS_GONE, living)
    moved = await referrals.move(conn, case, stage, at=at)
    if state is not ProposalState.WITHDRAWN and proposes_again(case.rounds, still_open=0):
        dedupe = f"propose-again:{moved.id}:{moved.version}"
        await outbox.add(conn, moved, JobKind.PROPOSE_AGAIN, dedupe, at=at, new_id=new_id())
    return moved


async def gate(
    conn: Conn,
    case: Case,
    proposal: Proposal,
    days: Days,
    *,
    at: datetime,
    zone: str,
    new_id: Callable[[], UUID],
) -> tuple[Case, Judged]:
    """Stop a referral whose day is no longer clear: its proposals are withdrawn, a person decides.

    Source: PROTOCOL §3.3 "screened review", "screened block".
    """
    judged = await _record(conn, case, days, proposal, at=at, zone=zone, new_id=new_id)
    await proposals.withdraw_open(conn, case, at=at)
    living = await proposals.standing(conn, case)
    stage = advance(case.stage, screened(judged.outcome), judged.standing(living))
    day = clinic_day(proposal.start, zone)
    moved = await referrals.move(
        conn, case, stage, at=at, planned_date=day, outcome=judged.screening.outcome
    )
    return moved, judged


async def _record(
    conn: Conn,
    case: Case,
    days: Days,
    proposal: Proposal,
    *,
    at: datetime,
    zone: str,
    new_id: Callable[[], UUID],
) -> Judged:
    day = clinic_day(proposal.start, zone)
    return await screenings.record(
        conn, case, await days.told(day), inputs=days.inputs(day), at=at, new_id=new_id()
    )
