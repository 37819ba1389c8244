"""What a delivery of a visit has to carry, gathered from the tables that hold it."""

from uuid import UUID

import msgspec

from fhir_mappings.model.caller import NIL_SPACE
from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.placer import Placer
from fhir_mappings.model.referral import Case
from fhir_mappings.model.visit import Sought
from fhir_mappings.model.writeback import WriteBack
from fhir_mappings.parse.references import references
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.elsewhere import naming
from service.store import placers, referrals, resources, visits, writebacks
from service.store.pool import Conn


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One visit's record with all it refers to; the Procedure first in `stored`.

    `named` leads from a reference of ours to the identifier and display that stand in for it.
    """

    case: Case
    placer: Placer
    writeback: WriteBack
    stored: tuple[Tree, ...]
    named: dict[str, Tree]
    patient: Sought
    order: Sought


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """The coordination Task with all it refers to, as our database holds it."""

    case: Case
    placer: Placer
    task: Tree
    named: dict[str, Tree]
    patient: Sought
    order: Sought


async def of_task(conn: Conn, tenant: UUID, referral: UUID) -> Letter:
    """Gather a referral's coordination Task as it now stands.

    The Procedure that was proven is named as the placer's server knows it.

    Raises:
        Refused: `not-found` where the referral or its Task is not there.
    """
    case = await referrals.find(conn, tenant, referral)
    placer = await placers.find(conn, tenant, case.placer_id)
    identity = Identity(rtype="Task", rid=case.task_rid)
    stored = await resources.find(conn, tenant, case.placer_id, identity)
    if stored is None:
        raise Refused(Problem(Code.NOT_FOUND, context="Task"))
    proven = await writebacks.proven(conn, case)
    return Letter(
        case=case,
        placer=placer,
        task=stored.tree,
        named={
            **await named(conn, case, (stored.tree,)),
            **{f"Procedure/{ours}": _at(theirs) for ours, theirs in proven.items()},
        },
        patient=await sought(conn, case, "Patient", case.patient_rid, placer.systems.patient),
        order=await sought(conn, case, "ServiceRequest", case.order_rid, placer.systems.order),
    )


def _at(reference: str) -> Tree:
    return {"reference": reference}


async def of_visit(conn: Conn, tenant: UUID, referral: UUID, visit: UUID) -> Parcel:
    """Gather the record of one visit.

    Raises:
        Refused: `not-found` where a part of it is not there.
    """
    case = await referrals.find(conn, tenant, referral)
    placer = await placers.find(conn, tenant, case.placer_id)
    stored = await _stored(conn, case, visit)
    return Parcel(
        case=case,
        placer=placer,
        writeback=await writebacks.of_visit(conn, case, visit),
        stored=stored,
        named=await named(conn, case, stored),
        patient=await sought(conn, case, "Patient", case.patient_rid, placer.systems.patient),
        order=await sought(conn, case, "ServiceRequest", case.order_rid, placer.systems.order),
    )


async def named(conn: Conn, case: Case, trees: tuple[Tree, ...]) -> dict[str, Tree]:
    """Say by identifier and display what these refer to: people, rooms, reasons."""
    wanted = {one for tree in trees for one, _ in references(tree, "") if one.count("/") == 1}
    split = [one.partition("/") for one in sorted(wanted)]
    identities = [Identity(rtype=rtype, rid=rid) for rtype, _, rid in split]
    found: dict[str, Tree] = {}
    for space in (NIL_SPACE, case.placer_id):
        known = await resources.find_many(conn, case.tenant, space, identities)
        found |= {str(one): naming(stored.tree) for one, stored in known.items()}
    return found


async def sought(conn: Conn, case: Case, rtype: str, rid: str, systems: tuple[str, ...]) -> Sought:
    """Return one resource of the placer as something to look for at its server."""
    identity = Identity(rtype=rtype, rid=rid)
    stored = await resources.find(conn, case.tenant, case.placer_id, identity)
    return Sought(
        identity=identity,
        tree=stored.tree if stored else {},
        address=stored.address if stored else "",
        systems=systems,
    )


async def _stored(conn: Conn, case: Case, visit_id: UUID) -> tuple[Tree, ...]:
    visit = await visits.find(conn, case.tenant, visit_id)
    if visit is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return tuple(one.tree for one in await visits.resources_of(conn, case, visit))
