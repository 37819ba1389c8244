"""The datum that a finding lacks, given a harmless value: the chart as it would then be.

The values are those of the worked examples' base, which gives no finding, and numbers inside every
limit of the pack.
"""

import copy
import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from fhir_mappings.decide.rules.quantities import compare
from fhir_mappings.decide.screening import scene_of
from fhir_mappings.model.chart import Chart
from fhir_mappings.model.fact import Coding
from fhir_mappings.model.json import Json
from fhir_mappings.model.lift import Datum, Wanted
from fhir_mappings.parse.facts import read
from tests.kit.charts import EXAMPLES, a_chart, the_pack

Resource = dict[str, Any]
BASE = EXAMPLES["base"]
SHORT = 200
FAR = timedelta(days=100)
OF_REFERENCES = frozenset({"reference", "display", "identifier", "type"})
DAY = date.fromisoformat(EXAMPLES["day"])


class Mended:
    """A chart's resources, to be changed one datum after the other."""

    def __init__(self, chart: Chart, *, planned: date) -> None:
        self.planned = planned
        self.order: Resource = copy.deepcopy(dict(chart.order.tree))
        self.patient = copy.deepcopy(dict(chart.patient.tree)) if chart.patient else None
        self.entries: list[Resource] = [copy.deepcopy(dict(one.tree)) for one in chart.entries]

    def chart(self) -> Chart:
        return a_chart(self.order, self.patient, self.entries)

    def give(self, datum: Datum) -> None:
        """Give a datum; a result, an entry or something named comes as a resource of its own."""
        rtype, _, element = datum.path.partition(".")
        match datum.wanted:
            case Wanted.ENTRY:
                self._add(next(one for one in BASE["entries"] if one["resourceType"] == rtype))
            case Wanted.RESULT:
                self._add(result(datum.sets, self.planned + FAR))
            case Wanted.NAMED if rtype != "ServiceRequest":
                named = {"code": concept(datum.sets), "status": "completed"}
                self._add({"resourceType": rtype, **named, "performedDateTime": str(self.planned)})
            case Wanted.NAMED:
                one = concept(datum.sets)
                self.order[element] = one if element == "code" else [one]
            case Wanted.BIRTH_DATE | Wanted.ELEMENT if rtype == "Patient":
                self.patient = {**(self.patient or BASE["patient"])}
                self.patient |= {element: BASE["patient"][element]}
            case Wanted.ELEMENT:
                self.order[element] = BASE["order"][element]
            case _:
                self._mend(datum)

    def _add(self, resource: Resource) -> None:
        self.entries.append({**resource, "id": f"given-{len(self.entries)}"})

    def _mend(self, datum: Datum) -> None:
        for holder in [self.order, *self.entries]:
            if f"{holder['resourceType']}/{holder['id']}" == datum.reference:
                inside = [
                    one for one in holder.get("contained", ()) if f"'{one['id']}'" in datum.path
                ]
                self._mend_in((inside or [holder])[0], datum)

    def _mend_in(self, one: Resource, datum: Datum) -> None:
        element = element_of(datum.path)
        match datum.wanted:
            case Wanted.TEXT:
                one |= {name: shortened(held) for name, held in one.items()}
            case Wanted.STATUS:
                one[element] = {"coding": [{"code": "resolved"}]}
            case Wanted.VALUE:
                put_values(one, self.planned)
            case Wanted.RESOURCE if element in ("subject", "patient"):
                one[element] = {"reference": "Patient/p"}
            case Wanted.RESOURCE if element != "medication":
                self._add(BASE["entries"][0])
                one[element] = leading_to(one[element], f"Condition/{self.entries[-1]['id']}")
            case _:
                put_words(one, element)


def element_of(path: str) -> str:
    """Name the element of a resource, or of one it contains, that a path leads through first."""
    within = path.rpartition("').")[2] if "')." in path else path.partition(".")[2]
    return re.split(r"[.\[]", within)[0]


def shortened(tree: Json) -> Json:
    """Cut every long text of a tree."""
    match tree:
        case dict():
            return {name: shortened(one) for name, one in tree.items()}
        case list():
            return [shortened(one) for one in tree]
        case str():
            return tree if len(tree) <= SHORT else "Shorter."
        case _:
            return tree


def leading_to(tree: Json, reference: str) -> Json:
    """Let every reference of a tree lead to one resource."""
    match tree:
        case dict():
            if tree.keys() <= OF_REFERENCES:
                return {"reference": reference}
            return {name: leading_to(one, reference) for name, one in tree.items()}
        case list():
            return [leading_to(one, reference) for one in tree]
        case _:
            return tree


def put_words(one: Resource, element: str) -> None:
    """Say something that every reader understands and no rule asks about."""
    held = {entry["resourceType"]: entry for entry in BASE["entries"]}
    plain = held["Condition"]["code"]
    if element == "medication":
        one.pop("medicationReference", None)
        concept_of = "medicationCodeableConcept"
        one[concept_of] = held["MedicationStatement"][concept_of]
    elif one["resourceType"] == "ServiceRequest":
        one[element] = BASE["order"].get(element) or [concept(variant_sets())]
    elif one["resourceType"] == "FamilyMemberHistory":
        one["condition"] = [{"code": plain}]
    else:
        one[element] = held.get(one["resourceType"], {}).get("code", plain)


def variant_sets() -> tuple[str, ...]:
    return next(one.names for one in the_pack().content.order.variant.first if one.names)


def code_of(name: str) -> Coding | None:
    """Return one code of a set."""
    for system, listed in the_pack().codes.items():
        for code, one in listed.items():
            if name in one.sets:
                return Coding(system=system, code=code, display=one.display)
    return None


def concept(sets: Iterable[str]) -> Resource:
    coding = next(one for one in map(code_of, sets) if one)
    return {"coding": [{"system": coding.system, "code": coding.code}]}


def result(sets: Iterable[str], on: date) -> Resource:
    name = next(one for one in sets if code_of(one))
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": concept([name]),
        "effectiveDateTime": str(on),
        "valueQuantity": quantity(name),
    }


def quantity(name: str) -> Resource:
    """Return a value of a set that no rule minds."""
    form = the_pack().content.quantities[name]
    limits = [
        one.value
        for rule in the_pack().content.rules
        for one in rule.inputs
        if one.value and name in one.value_sets
    ]
    around = [
        one.quantity + step for one in limits for step in (Decimal(-1), Decimal("0.01"), Decimal(1))
    ]
    number = next(
        one
        for one in around
        if not any(compare(one, limit.comparator, limit.quantity) for limit in limits)
    )
    unit = form.accepts[0]
    value = (number - unit.plus) * unit.over / unit.times + unit.minus
    return {"value": round(value, 3), "code": max(unit.units)}


def put_values(one: Resource, on: date) -> None:
    """Give an Observation and its components values of what their codes and words name."""
    for part in (one, *one.get("component", ())):
        names = named(part.get("code", {}))
        for value in [name for name in part if name.startswith("value")]:
            del part[value]
        if names:
            part["valueQuantity"] = quantity(names[0])
    one |= {"effectiveDateTime": str(on), "status": "final"}


def named(code: Resource) -> list[str]:
    """Return the measured sets that a concept names."""
    order = {**BASE["order"], "code": code}
    facts = read(a_chart(order, BASE["patient"], []), the_pack())
    scene = scene_of(facts, the_pack(), day=DAY, planned=None, variant=None)
    found = (name for said in scene.said(scene.order, "code") for name in scene.names(said))
    return sorted(set(found) & the_pack().content.quantities.keys())
