"""The rows of `proposal` and their holds, each with the Appointment that shows it.

Who writes here holds the referral's row lock: it orders all answers to one referral.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Standing
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.references import references
from fhir_mappings.parse.sameness import fingerprint
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.appointment import Offer, appointment, moved
from service.store import resources
from service.store.pool import Conn
from service.store.resources import Stored
from service.store.statements import sql

LIVING: Final = frozenset({ProposalState.ACCEPTED, ProposalState.ARRIVED})
"""States in which the Appointment is a booking that stands."""

_RELEASED: Final = frozenset(
    {
        ProposalState.DECLINED,
        ProposalState.COUNTERED,
        ProposalState.WITHDRAWN,
        ProposalState.EXPIRED,
        ProposalState.CANCELLED,
    }
)


async def find(conn: Conn, tenant: UUID, proposal: UUID) -> Proposal:
    """Return one proposal by its id, which is its Appointment's.

    Raises:
        Refused: `not-found` where the caller sees none of this id.
    """
    row = await conn.fetchrow(sql("find_proposal"), tenant, proposal)
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment"))
    return _proposal(row)


async def of_referral(conn: Conn, case: Case) -> list[Proposal]:
    """Return every proposal that a referral ever had, in order of its time."""
    rows = await conn.fetch(sql("proposals_of_referral"), case.tenant, case.id)
    return [_proposal(row) for row in rows]


async def living(conn: Conn, case: Case) -> Proposal | None:
    """Return the one Appointment that is booked or arrived."""
    return next((one for one in await of_referral(conn, case) if one.state in LIVING), None)


async def expect(conn: Conn, case: Case, proposal: Proposal, *, version: int | None) -> None:
    """Let a caller pass who names the Appointment's version, or none (If-Match).

    Raises:
        Refused: `stale` where the Appointment has another version by now.
    """
    if version is None:
        return
    stored = await resources.find(conn, case.tenant, case.placer_id, _identity(proposal))
    if stored is None or stored.version != version:
        raise Refused(Problem(Code.STALE))


async def standing(
    conn: Conn, case: Case, *, review: bool = False, block: bool = False
) -> Standing:
    """Say what lives beside a referral's stage; `review`, `block` as the open findings are."""
    states = {one.state for one in await of_referral(conn, case)}
    return Standing(
        booked=ProposalState.ACCEPTED in states,
        arrived=ProposalState.ARRIVED in states,
        proposals=ProposalState.OPEN in states,
        review=review,
        block=block,
    )


async def add(conn: Conn, case: Case, offer: Offer) -> None:
    """Store a proposal whose hold stands, and its Appointment in the placer's space."""
    proposal = offer.proposal
    await conn.execute(
        sql("add_proposal"),
        case.tenant,
        proposal.id,
        case.placer_id,
        case.id,
        proposal.hold,
        proposal.window,
        proposal.round,
        proposal.made_at,
        proposal.replaces,
    )
    await resources.make(
        conn,
        case.tenant,
        case.placer_id,
        [(_identity(proposal), appointment(offer))],
        at=proposal.made_at,
        referral=case.id,
    )


async def turn(
    conn: Conn,
    case: Case,
    proposal: Proposal,
    state: ProposalState,
    *,
    at: datetime,
    by: str = "",
    answer_rid: str = "",
    reason: str = "",
) -> Proposal:
    """Move a proposal on: its hold, its row, and a new version of its Appointment.

    `by` says on whose word (empty: nobody answered), `reason` why it was cancelled.

    Raises:
        Refused: `window-taken` where the hold ran out before it could be booked,
            `patient-booked` where the patient has another booking then (at the latest at commit).
    """
    if state is ProposalState.ACCEPTED and proposal.state is ProposalState.OPEN:
        await _book(conn, case, proposal, at)
    elif state in _RELEASED:
        await conn.execute(sql("release_hold"), case.tenant, proposal.hold)
    turned = await conn.fetchval(
        sql("turn_proposal"),
        case.tenant,
        proposal.id,
        proposal.state.value,
        state.value,
        at,
        by,
        answer_rid,
    )
    if turned is None:
        raise Refused(Problem(Code.STAGE, context=proposal.state.value))
    await _show(conn, case, proposal, state, at=at, reason=reason)
    return msgspec.structs.replace(
        proposal, state=state, answer_rid=answer_rid or proposal.answer_rid
    )


async def withdraw_open(
    conn: Conn,
    case: Case,
    *,
    at: datetime,
    state: ProposalState = ProposalState.WITHDRAWN,
    reason: str = "",
) -> list[Proposal]:
    """End every open proposal of a referral and free its time; return those that were open."""
    standing_open = [
        one for one in await of_referral(conn, case) if one.state is ProposalState.OPEN
    ]
    for one in standing_open:
        await turn(conn, case, one, state, at=at, reason=reason)
    return standing_open


async def cancel_living(
    conn: Conn, case: Case, *, at: datetime, by: str, reason: str = ""
) -> Proposal | None:
    """Cancel the booking of a referral, if one stands, and free its time."""
    booked = await living(conn, case)
    if booked:
        await turn(conn, case, booked, ProposalState.CANCELLED, at=at, by=by, reason=reason)
    return booked


async def keep_response(
    conn: Conn, case: Case, entry: Entry, *, rid: str, base: str, at: datetime
) -> Stored:
    """Store an AppointmentResponse as it came, in the placer's space."""
    identity = Identity(rtype="AppointmentResponse", rid=rid)
    absolute = [one for one, _ in references(entry.tree, "") if one.startswith(f"{base}/")]
    write = resources.received(
        case.placer_id,
        entry,
        identity,
        version=1,
        reading={one: one.removeprefix(f"{base}/") for one in absolute},
        said=fingerprint(entry.tree, str),
        at=at,
        referral=case.id,
    )
    await resources.write(conn, case.tenant, case.placer_id, [write], at=at)
    return await resources.lock(conn, case.tenant, case.placer_id, identity)


async def keep_answer(conn: Conn, case: Case, proposal: Proposal, answer_rid: str) -> None:
    """Keep which answer stands for a proposal that another act settled the same way."""
    await conn.execute(sql("keep_answer"), case.tenant, proposal.id, answer_rid)


async def _book(conn: Conn, case: Case, proposal: Proposal, at: datetime) -> None:
    booked = await conn.fetchval(sql("book_hold"), case.tenant, proposal.hold, at)
    if booked is None:
        raise Refused(Problem(Code.WINDOW_TAKEN, context=ProposalState.EXPIRED.value))


async def _show(
    conn: Conn, case: Case, proposal: Proposal, state: ProposalState, *, at: datetime, reason: str
) -> None:
    identity = _identity(proposal)
    shown = await resources.lock(conn, case.tenant, case.placer_id, identity)
    tree = moved(shown.tree, state, reason=reason)
    await resources.make(
        conn, case.tenant, case.placer_id, [(identity, tree)], at=at, referral=case.id
    )


def _identity(proposal: Proposal) -> Identity:
    return Identity(rtype="Appointment", rid=str(proposal.id))


def _proposal(row: Record) -> Proposal:
    return Proposal(
        id=row["id"],
        referral=row["referral"],
        hold=row["hold_id"],
        window=row["window_id"],
        practitioner=row["practitioner"],
        location=row["location"],
        start=row["starts"],
        end=row["ends"],
        round=row["round"],
        state=ProposalState(row["state"]),
        expires=row["expires"],
        made_at=row["made_at"],
        answer_rid=row["answer_rid"],
        replaces=row["replaces"],
    )
