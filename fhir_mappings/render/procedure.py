"""Our stored visit → the Procedure and MedicationAdministrations as a placer's server takes them.

References are those that server knows; what is ours goes by identifier and display. The note
carries the whole visit in words, because servers drop members that they do not know.
Source: PROTOCOL §6 (Procedure, References there).
"""

from collections.abc import Iterator
from uuid import UUID, uuid5

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.visit import There
from fhir_mappings.render.checked import checked
from fhir_mappings.render.elsewhere import order, plain, words
from fhir_mappings.terms.systems import EXT_APPOINTMENT, SID_VISIT, SID_VISIT_DOSE


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


def _procedure(stored: Tree, place: There) -> Tree:
    tree = plain(stored, place.named)
    kept = [
        one for one in items(tree.pop("extension", None)) if text(one, "url") != EXT_APPOINTMENT
    ]
    if kept:
        tree["extension"] = kept
    tree["basedOn"] = [order(place)]
    tree["subject"] = {"reference": place.subject}
    return tree


def _dose(stored: Tree, place: There, procedure: str) -> Tree:
    tree = plain(stored, place.named)
    tree["partOf"] = [{"reference": procedure}]
    tree["subject"] = {"reference": place.subject}
    return tree


def _with_identifier(tree: Tree, system: str, value: str) -> Tree:
    others = [one for one in items(tree.get("identifier")) if text(one, "system") != system]
    return {**tree, "identifier": [{"system": system, "value": value}, *others]}


def _sentences(stored: tuple[Tree, ...]) -> Iterator[str]:
    procedure = stored[0]
    status = text(procedure, "status")
    yield words(procedure.get("code"))
    if status != "completed":
        yield f"{status.capitalize()}: {words(procedure.get('statusReason'))}"
    yield _listed("Site", procedure.get("bodySite"))
    yield from (_dose_in_words(dose) for dose in stored[1:])
    yield _listed("Complication", procedure.get("complication")) or "No complication recorded"
    yield _listed("Outcome", [procedure.get("outcome")])
    yield _listed("Follow-up", procedure.get("followUp"))
    yield from (text(note, "text") for note in items(procedure.get("note")))


def _dose_in_words(dose: Tree) -> str:
    held = items(dose.get("contained"))
    medication = members(held[0]) if held else {}
    agent = words(medication.get("code") or dose.get("medicationCodeableConcept"))
    dosage = members(dose.get("dosage"))
    quantity = members(dosage.get("dose"))
    amount = f"{quantity.get('value')} {text(quantity, 'unit') or text(quantity, 'code')}"
    batch = members(medication.get("batch"))
    said = f"{agent} {amount} into {words(dosage.get('site'))}"
    lot, expiry = text(batch, "lotNumber"), text(batch, "expirationDate")
    return said + (f", lot {lot}" if lot else "") + (f", exp {expiry}" if expiry else "")


def _listed(name: str, concepts: Json) -> str:
    said = [words for words in map(words, items(concepts)) if words]
    return f"{name}: {', '.join(said)}" if said else ""
