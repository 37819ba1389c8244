"""What an intake would read of a message, for somebody who writes nothing."""

from collections.abc import Mapping, Sequence

import msgspec

from fhir_mappings.model.chart import Chart
from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Placer
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.parse.identities import Known
from fhir_mappings.parse.taking import Read
from fhir_mappings.problems import Code, Problem, Refused
from service.store import charts, entries, intake, resources
from service.store.pool import Conn


async def chart(conn: Conn, placer: Placer, read: Read, known: Known) -> Chart:
    """Assemble what the patient has here and what the message brings, which is the newer.

    Raises:
        Refused: `subject-not-found` where the patient is in neither.
    """
    tenant, space = placer.tenant, placer.id
    standing = await entries.standing(conn, tenant, space, read, known)
    about = await resources.of_patient(conn, tenant, space, read.patient.rid)
    held = {one.identity: one.held for one in (*about, *standing.values()) if not one.deleted}
    if read.brings_patient is None and read.patient not in held:
        raise Refused(Problem(Code.SUBJECT_NOT_FOUND, f"{read.asked.order.at}.subject"))
    for entry in read.entries:
        one = read.identities[entry.place]
        if not (one in held and entries.only_to_exist(entry, known)):
            version = standing[one].version + 1 if one in standing else 1
            held[one] = read.held(entry, version)
    return charts.assemble(held.values(), order=read.order, patient_rid=read.patient.rid)


async def recognised(
    conn: Conn, placer: Placer, carried: Sequence[Entry]
) -> Mapping[int, Identity]:
    """Find the persons and bodies of a Bundle that stand here under another id.

    Where the id itself stands here it is that one; else who shares an identifier of a registered
    system with exactly one (PROTOCOL §4.1).
    """
    posted = [msgspec.structs.replace(one, method=Method.POST) for one in carried]
    known = await intake.glance(conn, placer.id, posted, placer.systems)
    met = {place: found[0].identity for place, found in known.persons.items() if len(found) == 1}
    own = {one.place: Identity(rtype=one.rtype, rid=one.rid) for one in carried if one.rid}
    wanted = [own[place] for place in met if place in own]
    here = await resources.find_many(conn, placer.tenant, placer.id, wanted)
    return {place: one for place, one in met.items() if own.get(place) not in here}
