"""The rows of `visit`, and the time that a visit or its absence gives back."""

from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Proposal
from fhir_mappings.model.referral import Case
from fhir_mappings.model.visit import VisitState
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render import procedure
from service.store import resources
from service.store.pool import Conn
from service.store.resources import Stored
from service.store.statements import sql


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One visit that was recorded; `content` is the digest of what was said."""

    id: UUID
    appointment: UUID
    state: VisitState
    procedure_rid: str
    content: bytes


async def of_appointment(conn: Conn, tenant: UUID, appointment: UUID) -> Recorded | None:
    """Return the visit recorded on an Appointment."""
    return _recorded(await conn.fetchrow(sql("visit_of_appointment"), tenant, appointment))


async def find(conn: Conn, tenant: UUID, visit: UUID) -> Recorded | None:
    """Return a visit by its id."""
    return _recorded(await conn.fetchrow(sql("find_visit"), tenant, visit))


async def resources_of(conn: Conn, case: Case, visit: Recorded) -> list[Stored]:
    """Return a visit's Procedure, then its doses in the order they were given.

    Raises:
        Refused: `not-found` where the Procedure is gone.
    """
    identity = Identity(rtype="Procedure", rid=visit.procedure_rid)
    first = await resources.find(conn, case.tenant, case.placer_id, identity)
    if first is None:
        raise Refused(Problem(Code.NOT_FOUND, context="Procedure"))
    rtype = "MedicationAdministration"
    made = await resources.of_referral(conn, case.tenant, case.id, rtype)
    doses = [one for one in made if procedure.visit_of(one.tree) == str(visit.id)]
    return [first, *sorted(doses, key=lambda one: procedure.dose_number(one.tree))]


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


async def booked_at(conn: Conn, case: Case, appointment: Proposal) -> datetime:
    """Return when an Appointment was booked; of one that was never answered, when it was made."""
    answered: datetime | None = await conn.fetchval(sql("booked_at"), case.tenant, appointment.id)
    return answered or appointment.made_at


async def shown_at(conn: Conn, case: Case, appointment: Proposal) -> datetime:
    """Return when an Appointment came to stand as it does: the moment of its newest version."""
    identity = Identity(rtype="Appointment", rid=str(appointment.id))
    shown = await resources.lock(conn, case.tenant, case.placer_id, identity)
    return shown.updated_at


async def give_time_back(conn: Conn, case: Case, appointment: Proposal) -> None:
    """Release what is left of a window: the visit happened, or the patient did not come."""
    await conn.execute(sql("release_hold"), case.tenant, appointment.hold)


async def take_time_again(conn: Conn, case: Case, appointment: Proposal) -> None:
    """Take a window that was given back: another's booking meanwhile is refused by constraint."""
    await conn.execute(sql("take_hold_back"), case.tenant, appointment.hold)


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
