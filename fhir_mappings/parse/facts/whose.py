"""Whose entry it is: the order's patient, another person, or nobody we can tell.

Source: rules.md of the content pack, Whose entry.
"""

from enum import Enum, auto

from fhir_mappings.model.chart import Chart
from fhir_mappings.model.fact import Loose
from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.facts.source import Source


class Whose(Enum):
    """The three answers; an entry without a subject is the patient's."""

    PATIENT = auto()
    OTHER = auto()
    UNRESOLVED = auto()


def whose(source: Source) -> tuple[Whose, Loose | None]:
    """Say whose entry this is, with the reference that leads nowhere if one does."""
    element = next((one for one in ("subject", "patient") if one in source.tree), None)
    if element is None:
        return Whose.PATIENT, None
    reference = source.tree[element]
    target = text(reference, "reference")
    chart = source.chart
    if target and target == text(chart.order.tree, "subject", "reference"):
        known = chart.patient is not None
        path = f"{source.root}.{element}"
        return Whose.PATIENT, None if known else source.loose(element, path, reference)
    found = source.follow(target) if target else None
    if found is None and not target and _named(chart, reference):
        return Whose.PATIENT, None
    if found is None:
        return Whose.UNRESOLVED, source.loose(element, f"{source.root}.{element}", reference)
    return (Whose.PATIENT if _same(chart, found[0]) else Whose.OTHER), None


def _same(chart: Chart, other: Tree) -> bool:
    """Tell a Patient by its id, or by an identifier that is not an old one."""
    if chart.patient is None or text(other, "resourceType") != "Patient":
        return False
    if text(other, "id") == chart.patient.identity.rid:
        return True
    return not _identifiers(chart.patient.tree).isdisjoint(_identifiers(other))


def _named(chart: Chart, reference: Json) -> bool:
    """Tell the patient by the identifier in a logical reference."""
    identifier = members(members(reference).get("identifier"))
    key = (text(identifier, "system"), text(identifier, "value"))
    return all(key) and chart.patient is not None and key in _identifiers(chart.patient.tree)


def _identifiers(tree: Tree) -> set[tuple[str, str]]:
    held: list[Json] = items(tree.get("identifier"))
    return {
        (text(one, "system"), text(one, "value"))
        for one in held
        if text(one, "value") and text(one, "system") and members(one).get("use") != "old"
    }
