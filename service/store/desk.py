"""What a placer's space holds of the patient whom an EHR has before it."""

from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.model.hooks import HookCall, Moved
from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Placer
from fhir_mappings.model.stage import DEAD, DONE
from fhir_mappings.parse import conditions
from fhir_mappings.parse.referral import identifiers_in
from service.store import intake, placers, referrals, resources
from service.store.intake import Wanted
from service.store.pool import Conn
from service.store.resources import Stored


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """The placer, and what its space holds: `patient_rid` is empty where it has no such patient."""

    placer: Placer
    patient_rid: str = ""
    about: tuple[Stored, ...] = ()


async def look(conn: Conn, tenant: UUID, space: UUID, call: HookCall) -> Here:
    """Read what stands of the patient: under the EHR's own id, else under a registered number."""
    placer = await placers.find(conn, tenant, space)
    rid = await _patient(conn, placer, call)
    if not rid:
        return Here(placer=placer)
    about = await resources.of_patient(conn, tenant, space, rid)
    return Here(placer=placer, patient_rid=rid, about=tuple(about))


async def moved(conn: Conn, here: Here, *, since: datetime) -> tuple[Moved, ...]:
    """Return the open referrals of the patient whose stage changed since then, newest first."""
    placer = here.placer
    ids = await referrals.living_of_patient(conn, placer.tenant, placer.id, here.patient_rid)
    cases = [await referrals.find(conn, placer.tenant, one) for one in ids]
    found = [
        Moved(stage=one.stage, since=one.stage_since)
        for one in cases
        if one.stage not in DEAD | DONE and one.stage_since >= since
    ]
    return tuple(sorted(found, key=lambda one: one.since, reverse=True))


async def _patient(conn: Conn, placer: Placer, call: HookCall) -> str:
    own = Identity(rtype="Patient", rid=call.patient)
    standing = await resources.find(conn, placer.tenant, placer.id, own)
    if standing and not standing.deleted:
        return own.rid
    wanted = [
        Wanted(rtype="Patient", tokens=conditions.identifiers("Patient", [key]))
        for one in call.held
        if one.identity == own
        for key in identifiers_in(one.tree)
        if key[0] in placer.systems.patient
    ]
    found = await intake.matches(conn, placer.id, wanted)
    met = {one.identity.rid for some in found for one in some}
    return met.pop() if len(met) == 1 else ""
