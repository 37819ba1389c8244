"""A message about an order that we hold: which of its entries stand here, and whose order it is.

Source: PROTOCOL §4.1 ("same patient"), §4.2 (entries of a repeat or an amendment).
"""

from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Systems
from fhir_mappings.model.referral import Case
from fhir_mappings.parse import identities, referral
from fhir_mappings.parse.taking import Read
from fhir_mappings.problems import Code, Problem, Refused
from service.store import referrals, resources
from service.store.pool import Conn


async def recognised(
    conn: Conn, case: Case, first: Read, registered: Systems
) -> dict[int, Identity]:
    """Say which entries stand: the order and the Task by the referral, others by sight.

    What another order of the same patient brought counts: two orders may have come together.
    """
    own = {first.asked.order.place: Identity(rtype="ServiceRequest", rid=case.order_rid)}
    if first.asked.task:
        own[first.asked.task.place] = Identity(rtype="Task", rid=case.task_rid)
    loose = [
        one
        for one in first.entries
        if one.place not in own and not identities.is_stable(one, registered)
    ]
    siblings = await referrals.living_of_patient(
        conn, case.tenant, case.placer_id, case.patient_rid
    )
    stored = await resources.of_referrals(
        conn, case.tenant, [case.id, *siblings], sorted({one.rtype for one in loose})
    )
    held = [
        identities.Held(
            identity=one.identity,
            fingerprint=one.fingerprint,
            identifiers=frozenset(referral.identifiers_in(one.tree)),
        )
        for one in sorted(stored, key=lambda one: one.referral != case.id)
        if one.identity not in own.values()
    ]
    return own | identities.recognised(loose, first.said, held, referral.identifiers_of)


async def same_patient(conn: Conn, case: Case, read: Read) -> None:
    """Let an order pass that is about the patient for whom we hold it.

    Raises:
        Refused: `other-subject`.
    """
    if read.patient.rid == case.patient_rid:
        return
    entry = read.brings_patient
    identity = Identity(rtype="Patient", rid=case.patient_rid)
    stand = await resources.find_many(conn, case.tenant, case.placer_id, [identity, read.patient])
    shown = referral.identifiers_of(entry) if entry else ()
    if read.patient in stand:
        shown = referral.identifiers_in(stand[read.patient].tree)
    ours = stand.get(identity)
    if ours is None or not set(shown) & set(referral.identifiers_in(ours.tree)):
        raise Refused(Problem(Code.OTHER_SUBJECT, f"{read.asked.order.at}.subject"))
