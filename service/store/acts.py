"""What every act of a person leaves: its Provenance, the Task as it now stands, the audit row."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.referral import Case
from fhir_mappings.render.provenance import provenance
from service.store import audit, resources, tasks
from service.store.pool import Conn
from service.store.screenings import Judged


async def leave(
    conn: Conn,
    caller: Caller,
    case: Case,
    verb: Verb,
    *,
    targets: Iterable[str] = (),
    reason: str = "",
    judged: Judged | None = None,
    at: datetime,
    new_id: Callable[[], UUID],
) -> None:
    """Tell the Task, note the act; the referral's row is locked and all else is written.

    `targets` are relative references of what the act made or changed beside the Task.
    """
    targets = tuple(targets)
    await tasks.tell(conn, case, at=at, new_id=new_id(), judged=judged)
    if caller.is_staff:
        rid = str(new_id())
        tree = provenance(
            [f"Task/{case.task_rid}", *targets],
            activity=verb.value,
            practitioner=caller.practitioner,
            at=at,
            reason=reason,
        )
        await resources.make(
            conn,
            case.tenant,
            case.placer_id,
            [(Identity(rtype="Provenance", rid=rid), tree)],
            at=at,
            referral=case.id,
        )
    await audit.add(
        conn,
        caller,
        verb,
        placer=case.placer_id,
        referral=case.id,
        what=" ".join((case.stage.value, *targets)),
        at=at,
        new_id=new_id(),
    )
