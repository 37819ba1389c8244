"""Medications: what was taken, by code, by reference and by ingredient; when, and for how long.

Source: FHIR R4 MedicationStatement, MedicationRequest, MedicationAdministration,
MedicationDispense, Medication; rules.md of the content pack, Time and Elements.
"""

from collections.abc import Iterator
from typing import Final

from fhir_mappings.model.fact import Loose, Said, Use
from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.when import Dated, Days, later
from fhir_mappings.parse.concepts import words
from fhir_mappings.parse.dates import dated, earliest
from fhir_mappings.parse.facts.source import Source, numbered
from fhir_mappings.parse.quantities import days_of, repeats

_REFERENCE: Final = "medicationReference"
_INGREDIENT: Final = "medicationReference.ingredient.itemReference"
_PRESCRIBED: Final = frozenset({"MedicationRequest", "MedicationDispense"})


def medication(source: Source) -> tuple[Said, ...]:
    """Read the medication: its concept, or the Medication it leads to with its ingredients."""
    return tuple(one for one in _parts(source) if isinstance(one, Said))


def loose(source: Source) -> tuple[Loose, ...]:
    """Return the references among the medication's parts that lead nowhere."""
    return tuple(one for one in _parts(source) if isinstance(one, Loose))


def _parts(source: Source) -> Iterator[Said | Loose]:
    path = f"{source.root}.medication"
    concept = source.tree.get("medicationCodeableConcept")
    if concept is not None:
        yield _said(source, concept, path, path, "")
    reference = source.tree.get(_REFERENCE)
    if reference is not None:
        yield from _referred(source, reference, path, _REFERENCE, frozenset())


def _referred(
    source: Source, reference: Json, path: str, element: str, seen: frozenset[str]
) -> Iterator[Said | Loose]:
    """Read a Medication by reference; a circle of ingredients ends at its second round."""
    target = text(reference, "reference")
    found = source.follow(target) if target else None
    display = text(reference, "display").strip()
    if found is None:
        yield source.loose(element, path, reference)
    parts = (
        () if found is None or target in seen else _inside(source, *found, path, seen | {target})
    )
    told = False
    for part in parts:
        told = True
        yield part
    if display and not told:
        place = f"{source.root}.medication"
        yield Said(path=path, place=place, texts=(display,))


def _inside(
    source: Source, tree: Tree, origin: str, path: str, seen: frozenset[str]
) -> Iterator[Said | Loose]:
    """Read a Medication's code and its ingredients."""
    place = f"{source.root}.medication"
    if tree.get("code") is not None:
        yield _said(source, tree["code"], path, place, origin)
    for where, one in numbered(f"{path}.ingredient", tree.get("ingredient")):
        item = members(one)
        concept, reference = item.get("itemCodeableConcept"), item.get("itemReference")
        if concept is not None:
            yield _said(source, concept, f"{where}.item", place, origin)
        if reference is not None:
            yield from _referred(source, reference, f"{where}.item", _INGREDIENT, seen)


def _said(source: Source, concept: Json, path: str, place: str, origin: str) -> Said:
    codings = source.naming.codings(concept)
    return Said(path=path, place=place, codings=codings, texts=words(concept), source=origin)


def started(tree: Tree) -> Dated | None:
    """Return the start of the use: the first of the dates that say it."""
    return earliest(
        dated(members(tree.get("effectivePeriod")).get("start")),
        dated(tree.get("effectiveDateTime")),
        dated(tree.get("authoredOn")),
        dated(tree.get("whenHandedOver")),
        dated(tree.get("dateAsserted")),
    )


def use(source: Source) -> Use:
    """Read when the medication is used, until when, and how long a supply lasts."""
    tree, start = source.tree, started(source.tree)
    once = dated(tree.get("effectiveDateTime"))
    given = source.rtype == "MedicationAdministration"
    return Use(
        start=start,
        end=earliest(
            dated(members(tree.get("effectivePeriod")).get("end")),
            once if given else None,
            _bounded(tree, start.days if start else None),
        ),
        end_if_finished=once,
        supply_days=_supply(tree),
        prescribed=source.rtype in _PRESCRIBED,
        handed_over=source.rtype == "MedicationDispense" and tree.get("status") == "completed",
    )


def _supply(tree: Tree) -> int | None:
    """Return the days that the supply lasts: of a dispense, or of a prescription with repeats."""
    dispensed = days_of(tree.get("daysSupply"))
    if dispensed is not None:
        return dispensed
    request = tree.get("dispenseRequest")
    lasting = days_of(members(request).get("expectedSupplyDuration"))
    return None if lasting is None else lasting * repeats(request)


def _bounded(tree: Tree, start: Days | None) -> Dated | None:
    """Return the latest end that timing bounds, where every dosage has one."""
    dosages = items(tree.get("dosageInstruction")) or items(tree.get("dosage"))
    ends = [_bound(one, start) for one in dosages]
    told = [one for one in ends if one is not None]
    if not told or len(told) < len(ends):
        return None
    return max(told, key=lambda one: (one.days.last, one.days.first))


def _bound(dosage: Json, start: Days | None) -> Dated | None:
    repeat = members(members(members(dosage).get("timing")).get("repeat"))
    end = dated(members(repeat.get("boundsPeriod")).get("end"))
    lasting = days_of(
        repeat.get("boundsDuration") or members(repeat.get("boundsRange")).get("high")
    )
    if end or lasting is None or start is None:
        return end
    first, last = later(start.first, lasting), later(start.last, lasting)
    return Dated(days=Days(first=first, last=last), words=first.isoformat())
