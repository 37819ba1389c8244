"""Our stored visit → the Procedure and MedicationAdministrations as a placer's server takes them.

References are those that server knows; what is ours goes by identifier and display. The note
carries the whole visit in words, because servers drop members that they do not know.
Source: PROTOCOL §6 (Procedure, References there).
"""

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID, uuid5

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.visit import There
from fhir_mappings.render.checked import checked
from fhir_mappings.terms.systems import EXT_APPOINTMENT, SID_VISIT, SID_VISIT_DOSE

_OURS_ALONE: Final = frozenset({"id", "meta", "text"})


def identified(procedure: Tree, doses: tuple[Tree, ...], visit: UUID) -> tuple[Tree, ...]:
    """Return the Procedure, then its doses, with the identifiers under which they are one visit.

    A visit's own identifier that stands already is kept; other identifiers stay beside it.
    """
    named = [_with_identifier(procedure, SID_VISIT, str(visit))]
    named += [
        _with_identifier(dose, SID_VISIT_DOSE, f"{visit}.{number}")
        for number, dose in enumerate(doses, start=1)
    ]
    return tuple(named)


def identifier_of(tree: Tree) -> tuple[str, str]:
    """Return system and value of our identifier on a visit's resource, empty where it has none."""
    ours = {SID_VISIT, SID_VISIT_DOSE}
    found = [one for one in items(tree.get("identifier")) if text(one, "system") in ours]
    return (text(found[0], "system"), text(found[0], "value")) if found else ("", "")


def visit_of(tree: Tree) -> str:
    """Return the id of the visit that one of its resources belongs to."""
    return identifier_of(tree)[1].partition(".")[0]


def dose_number(dose: Tree) -> int:
    """Return which dose of its visit this is, from 1."""
    number = identifier_of(dose)[1].rpartition(".")[2]
    return int(number) if number.isdecimal() else 0


def there(stored: tuple[Tree, ...], place: There, procedure: str) -> tuple[Tree, ...]:
    """Return what goes to the placer: the Procedure, then the doses, in the order stored.

    Args:
        stored: Our Procedure and MedicationAdministrations, Procedure first.
        place: How that server knows patient, order and people.
        procedure: How the doses name the Procedure: a urn within one transaction, else its
            reference there.
    """
    visit = identifier_of(stored[0])[1]
    first: Tree = {**_procedure(stored[0], place), "note": [{"text": in_words(stored, visit)}]}
    doses = [_dose(dose, place, procedure) for dose in stored[1:]]
    return tuple(checked(tree) for tree in (first, *doses))


def transaction(trees: tuple[Tree, ...]) -> Tree:
    """Return the transaction that creates them unless they stand there already."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": urn(tree),
                "resource": tree,
                "request": {
                    "method": "POST",
                    "url": text(tree, "resourceType"),
                    "ifNoneExist": unless(tree),
                },
            }
            for tree in trees
        ],
    }


def unless(tree: Tree) -> str:
    """Return the search under which a resource of a visit is one resource (If-None-Exist)."""
    system, value = identifier_of(tree)
    return f"identifier={system}|{value}"


def urn(tree: Tree) -> str:
    """Return the entry's address within a transaction, made of its identifier: nothing random."""
    value = identifier_of(tree)[1]
    return f"urn:uuid:{uuid5(UUID(value.partition('.')[0]), value)}"


def in_words(stored: tuple[Tree, ...], visit: str) -> str:
    """Say the whole visit in one paragraph, ending with the visit's id for whoever searches."""
    said = [one.rstrip(". ") for one in _sentences(stored) if one.strip(". ")]
    return ". ".join([*said, f"tpi-intake visit {visit}"])


def naming(tree: Tree) -> Tree:
    """Return identifier and display that stand in for a reference to a resource of ours."""
    identifiers = items(tree.get("identifier"))
    display = _display(tree) or text(tree, "resourceType")
    named: Tree = {"identifier": identifiers[0]} if identifiers else {}
    return named | {"display": display}


def _procedure(stored: Tree, place: There) -> Tree:
    tree = _plain(stored, place.named)
    kept = [
        one for one in items(tree.pop("extension", None)) if text(one, "url") != EXT_APPOINTMENT
    ]
    if kept:
        tree["extension"] = kept
    tree["basedOn"] = [_order(place)]
    tree["subject"] = {"reference": place.subject}
    return tree


def _order(place: There) -> Tree:
    if place.order:
        return {"reference": place.order}
    system, value = place.order_identifier
    return {"identifier": {"system": system, "value": value}}


def _dose(stored: Tree, place: There, procedure: str) -> Tree:
    tree = _plain(stored, place.named)
    tree["partOf"] = [{"reference": procedure}]
    tree["subject"] = {"reference": place.subject}
    return tree


def _plain(stored: Tree, named: Mapping[str, Tree]) -> Tree:
    kept: Tree = {name: value for name, value in stored.items() if name not in _OURS_ALONE}
    return members(_elsewhere(kept, named))


def _elsewhere(value: Json, named: Mapping[str, Tree]) -> Json:
    """Replace each reference to something of ours by what stands in for it."""
    if isinstance(value, list):
        return [_elsewhere(one, named) for one in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("reference")
    if isinstance(reference, str) and not reference.startswith("#"):
        return _stand_in(value, reference, named)
    return {name: _elsewhere(one, named) for name, one in value.items()}


def _stand_in(value: Tree, reference: str, named: Mapping[str, Tree]) -> Tree:
    known = named.get(reference, {})
    said: Tree = {name: value[name] for name in ("identifier", "display") if name in value}
    return {**known, **said} or {"display": reference.partition("/")[0]}


def _with_identifier(tree: Tree, system: str, value: str) -> Tree:
    others = [one for one in items(tree.get("identifier")) if text(one, "system") != system]
    return {**tree, "identifier": [{"system": system, "value": value}, *others]}


def _sentences(stored: tuple[Tree, ...]) -> Iterator[str]:
    procedure = stored[0]
    status = text(procedure, "status")
    yield _concept(procedure.get("code"))
    if status != "completed":
        yield f"{status.capitalize()}: {_concept(procedure.get('statusReason'))}"
    yield _listed("Site", procedure.get("bodySite"))
    yield from (_dose_in_words(dose) for dose in stored[1:])
    yield _listed("Complication", procedure.get("complication")) or "No complication recorded"
    yield _listed("Outcome", [procedure.get("outcome")])
    yield _listed("Follow-up", procedure.get("followUp"))
    yield from (text(note, "text") for note in items(procedure.get("note")))


def _dose_in_words(dose: Tree) -> str:
    held = items(dose.get("contained"))
    medication = members(held[0]) if held else {}
    agent = _concept(medication.get("code") or dose.get("medicationCodeableConcept"))
    dosage = members(dose.get("dosage"))
    quantity = members(dosage.get("dose"))
    amount = f"{quantity.get('value')} {text(quantity, 'unit') or text(quantity, 'code')}"
    batch = members(medication.get("batch"))
    said = f"{agent} {amount} into {_concept(dosage.get('site'))}"
    lot, expiry = text(batch, "lotNumber"), text(batch, "expirationDate")
    return said + (f", lot {lot}" if lot else "") + (f", exp {expiry}" if expiry else "")


def _listed(name: str, concepts: Json) -> str:
    said = [words for words in map(_concept, items(concepts)) if words]
    return f"{name}: {', '.join(said)}" if said else ""


def _concept(concept: Json) -> str:
    """Say a concept: its text, else the first display or code."""
    codings = items(members(concept).get("coding"))
    first = members(codings[0]) if codings else {}
    return text(concept, "text") or text(first, "display") or text(first, "code")


def _display(tree: Tree) -> str:
    name = tree.get("name")
    if isinstance(name, str):
        return name
    human = members(items(name)[0]) if items(name) else {}
    given = [one for one in items(human.get("given")) if isinstance(one, str)]
    spoken = " ".join([*given, text(human, "family")]).strip()
    return text(human, "text") or spoken or _concept(tree.get("code"))
