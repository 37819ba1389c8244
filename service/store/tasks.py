"""The coordination Task kept in step with its referral, and the placer told."""

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.moment import clinic_time
from fhir_mappings.model.referral import Case
from fhir_mappings.model.story import Story, Told
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
        await outbox.add(
            conn,
            case,
            outbox.JobKind.TASK_UPDATE,
            f"task-update:{case.id}:{case.version}",
            at=at,
            new_id=new_id,
        )


async def story(conn: Conn, case: Case, judged: Judged) -> Story:
    """Gather what the Task tells."""
    clinic = await conn.fetchrow(sql("clinic_of_referral"), case.tenant, case.id)
    rows = await conn.fetch(sql("appointments_of_referral"), case.tenant, case.id)
    zone: str = clinic["zone"] if clinic else "UTC"
    living = [row for row in rows if row["state"] != "open"]
    return Story(
        case=case,
        order=await _order(conn, case),
        pushed=await _pushed(conn, case),
        owner=clinic["organization"] if clinic else "",
        owner_name=clinic["name"] if clinic else "",
        open=judged.open,
        findings=tuple((finding_rid(case.id, one), one) for one in judged.screening.findings),
        proposals=tuple(_told(row, zone) for row in rows if row["state"] == "open"),
        appointment=_told(living[-1], zone) if living else None,
        procedure=clinic["procedure_rid"] or "" if clinic else "",
        proof=clinic["proof"] or "" if clinic else "",
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
