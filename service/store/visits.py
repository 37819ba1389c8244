"""The rows of `visit`, and the booking that a visit fulfils."""

from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.visit import VisitState
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.appointment import moved
from service.store import resources
from service.store.pool import Conn
from service.store.statements import sql

LIVING = frozenset({ProposalState.ACCEPTED, ProposalState.ARRIVED})
"""Appointments that a visit can happen under."""


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """One Appointment with its time and whose it is."""

    id: UUID
    placer_id: UUID
    referral: UUID
    state: ProposalState
    booked_at: datetime | None
    starts: datetime
    ends: datetime
    practitioner: str
    location: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One visit that was recorded; `content` is the digest of what was said."""

    id: UUID
    appointment: UUID
    state: VisitState
    procedure_rid: str
    content: bytes


async def booking(conn: Conn, tenant: UUID, appointment: str) -> Booking:
    """Return the booking of an Appointment.

    Raises:
        Refused: `not-found` where the caller sees none of this id.
    """
    row = await conn.fetchrow(sql("booking_of_appointment"), tenant, _uuid(appointment))
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment"))
    return Booking(
        id=row["id"],
        placer_id=row["placer_id"],
        referral=row["referral"],
        state=ProposalState(row["state"]),
        booked_at=row["answered_at"],
        starts=row["starts"],
        ends=row["ends"],
        practitioner=row["practitioner"],
        location=row["location"],
    )


async def mark(
    conn: Conn,
    case: Case,
    appointment: UUID,
    state: ProposalState,
    *,
    reason: str = "",
    at: datetime,
) -> None:
    """Move an Appointment on: its proposal, its time, and the resource.

    Its time stays taken while it is booked or arrived; a visit that happened, or a patient who
    did not come, gives what is left of it back. Taking it again may meet another booking:
    refused by the constraint.
    """
    await conn.execute(sql("mark_booking"), case.tenant, appointment, state.value, state in LIVING)
    identity = Identity(rtype="Appointment", rid=str(appointment))
    stored = await resources.lock(conn, case.tenant, case.placer_id, identity)
    tree = moved(stored.tree, state, reason=reason)
    await resources.make(
        conn, case.tenant, case.placer_id, [(identity, tree)], at=at, referral=case.id
    )


async def of_appointment(conn: Conn, tenant: UUID, appointment: UUID) -> Recorded | None:
    """Return the visit recorded on an Appointment."""
    return _recorded(await conn.fetchrow(sql("visit_of_appointment"), tenant, appointment))


async def find(conn: Conn, tenant: UUID, visit: UUID) -> Recorded | None:
    """Return a visit by its id."""
    return _recorded(await conn.fetchrow(sql("find_visit"), tenant, visit))


async def add(conn: Conn, case: Case, recorded: Recorded, *, person: UUID, at: datetime) -> None:
    """Add a visit; the constraint keeps one per Appointment."""
    await conn.execute(
        sql("add_visit"),
        case.tenant,
        recorded.id,
        case.placer_id,
        case.id,
        recorded.appointment,
        recorded.state.value,
        recorded.procedure_rid,
        recorded.content,
        person,
        at,
    )


def _recorded(row: Record | None) -> Recorded | None:
    if row is None:
        return None
    return Recorded(
        id=row["id"],
        appointment=row["proposal_id"],
        state=VisitState(row["state"]),
        procedure_rid=row["procedure_rid"],
        content=row["content"],
    )


def _uuid(text: str) -> UUID:
    """Read an id of ours; anything else is the id of nothing."""
    try:
        return UUID(text)
    except ValueError:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment")) from None
