"""The coordination Task kept in step with its referral, and the placer told."""

from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.moment import clinic_time
from fhir_mappings.model.referral import Case
from fhir_mappings.model.story import Story, Told
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.detected_issue import finding_rid
from fhir_mappings.render.task import task
from service.store import outbox, resources
from service.store.pool import Conn
from service.store.screenings import Judged, latest
from service.store.statements import sql


async def tell(
    conn: Conn, case: Case, *, at: datetime, new_id: UUID, judged: Judged | None = None
) -> None:
    """Write the Task as the referral now stands, and the job that keeps the placer's copy.

    Every flow that changes what the Task tells ends with it, after all its other writes, with
    the referral's row locked.
    """
    judged = judged or await latest(conn, case)
    told = await story(conn, case, judged)
    identity = Identity(rtype="Task", rid=case.task_rid)
    await resources.make(
        conn,
        case.tenant,
        case.placer_id,
        [(identity, task(told, at=at))],
        at=at,
        referral=case.id,
    )
    if await conn.fetchval(sql("placer_wants_task"), case.tenant, case.placer_id):
        await outbox.want(conn, case, outbox.JobKind.TASK_UPDATE, at=at, new_id=new_id)


class Clinic(msgspec.Struct, frozen=True, kw_only=True):
    """What the Task says of the clinic, and of the referral's last visit."""

    name: str
    zone: str
    organization: str
    procedure_rid: str | None
    proof: str | None


async def clinic(conn: Conn, case: Case) -> Clinic:
    """Return the clinic that fulfils a referral, which may be about to be written."""
    row = await conn.fetchrow(sql("clinic_of_referral"), case.tenant, case.id)
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return Clinic(**row)


async def expect(conn: Conn, case: Case, *, version: int | None) -> None:
    """Let a caller pass who names the Task's version, or none (If-Match).

    Raises:
        Refused: `stale` where the Task has another version by now.
    """
    if version is None:
        return
    identity = Identity(rtype="Task", rid=case.task_rid)
    stored = await resources.find(conn, case.tenant, case.placer_id, identity)
    if stored is None or stored.version != version:
        raise Refused(Problem(Code.STALE))


async def story(conn: Conn, case: Case, judged: Judged) -> Story:
    """Gather what the Task tells."""
    own = await clinic(conn, case)
    rows = await conn.fetch(sql("appointments_of_referral"), case.tenant, case.id)
    living = [row for row in rows if row["state"] != "open"]
    return Story(
        case=case,
        order=await _order(conn, case),
        pushed=await _pushed(conn, case),
        owner=own.organization,
        owner_name=own.name,
        open=judged.open,
        findings=tuple((finding_rid(case.id, one), one) for one in judged.screening.findings),
        proposals=tuple(_told(row, own.zone) for row in rows if row["state"] == "open"),
        appointment=_told(living[-1], own.zone) if living else None,
        procedure=own.procedure_rid or "",
        proof=own.proof or "",
    )


async def _order(conn: Conn, case: Case) -> Tree:
    identity = Identity(rtype="ServiceRequest", rid=case.order_rid)
    stored = await resources.find(conn, case.tenant, case.placer_id, identity)
    return stored.tree if stored else {}


async def _pushed(conn: Conn, case: Case) -> Tree | None:
    """Return the placer's own coordination Task, where it sent one under its own id."""
    if case.task_rid == str(case.id):
        return None
    identity = Identity(rtype="Task", rid=case.task_rid)
    stored = await resources.find(conn, case.tenant, case.placer_id, identity)
    return stored.tree if stored else None


def _told(row: Record, zone: str) -> Told:
    return Told(
        rid=str(row["id"]),
        starts=row["starts"],
        ends=row["ends"],
        words=clinic_time(row["starts"], zone),
    )
