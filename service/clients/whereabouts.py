"""How a placer's server knows the patient and the order: by its own address, else by identifier.

Source: PROTOCOL §6 (References there). What is not found exactly once there is not guessed.
"""

from collections.abc import Iterable
from datetime import datetime

from fhir_mappings.decide import ladder
from fhir_mappings.decide.ladder import Person, Stop, Wait
from fhir_mappings.model.json import Tree, items, text
from fhir_mappings.model.visit import Sought, There
from fhir_mappings.model.writeback import PersonReason, Reply, Verdict
from fhir_mappings.parse import readback
from service.clients.fhir import FhirServer


async def place(
    server: FhirServer,
    *,
    patient: Sought,
    order: Sought,
    key: tuple[str, str],
    named: dict[str, Tree],
    now: datetime,
) -> There | Stop | Wait | Person:
    """Say how the server knows what a delivery refers to.

    `key` is the order's identifier (system, value); `named` what stands in for what is ours.
    Without a subject nothing can be written there; an order that is not found once is named by
    its identifier alone.
    """
    subject = await _find(server, patient, now)
    if subject is None:
        return Person(reason=PersonReason.SUBJECT_NOT_FOUND)
    if not isinstance(subject, str):
        return subject
    request = await _find(server, order, now)
    if request is not None and not isinstance(request, str):
        return request
    return There(subject=subject, order=request or "", order_identifier=key, named=named)


async def _find(server: FhirServer, sought: Sought, now: datetime) -> str | Stop | Wait | None:
    told = readback.placed(sought.address, server.base)
    if told is not None and told.rtype == sought.identity.rtype:
        return str(told)
    for system, value in _identifiers(sought):
        query = ("identifier", f"{system}|{value}")
        reply = await server.search(sought.identity.rtype, query)
        if away := _away(reply, now):
            return away
        rtype = sought.identity.rtype
        found = readback.found(reply, server.base, rtype, system=system, value=value)
        if found and len(found.references) == 1:
            return found.references[0]
    return await _under_our_id(server, sought, now)


async def _under_our_id(
    server: FhirServer, sought: Sought, now: datetime
) -> str | Stop | Wait | None:
    """Try the id that the placer may have PUT here; it counts where an identifier agrees."""
    reply = await server.read(sought.identity)
    if away := _away(reply, now):
        return away
    tree = readback.stands(reply, server.base, sought.identity)
    same = any(readback.carries(tree, *one) for one in _identifiers(sought))
    return str(sought.identity) if same else None


def _identifiers(sought: Sought) -> Iterable[tuple[str, str]]:
    """Return its identifiers, those of the registered systems first; old ones do not count."""
    known = [
        (text(one, "system"), text(one, "value"))
        for one in items(sought.tree.get("identifier"))
        if text(one, "system") and text(one, "value") and text(one, "use") != "old"
    ]
    return sorted(known, key=lambda one: one[0] not in sought.systems)


def _away(reply: Reply, now: datetime) -> Stop | Wait | None:
    """Say what keeps us from asking now; None: there is an answer to read."""
    match ladder.verdict(reply):
        case Verdict.DENIED:
            return Stop()
        case Verdict.LATER | Verdict.UNKNOWN:
            return Wait(least=ladder.pause(reply, now))
        case Verdict.DONE if not readback.tree_of(reply):
            return Wait()  # a proxy's page says nothing about what stands there
        case _:
            return None
