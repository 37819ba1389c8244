"""Where a fact may stand, as the pack says, and resources that hold a concept or words there.

The carriers are read from the pack, so that a new row is tested without a new test.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fhir_mappings.model.fact import Coding
from fhir_mappings.model.member import FactKind
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Input, Rule

Resource = dict[str, Any]
Told = Resource | str
"""A concept, or words."""

RECENT = "2026-11-22"
LONG_AGO = "2020-01-01"
SUBJECT = {"reference": "Patient/p"}
OF_PATIENT = frozenset(
    {"AllergyIntolerance", "Device", "FamilyMemberHistory", "Immunization", "NutritionOrder"}
)
MEDICATIONS = frozenset(
    {"MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense"}
)
FORMS = ("inline", "contained", "referenced", "contained ingredient", "ingredient", "nested")
"""How a medication may be told; `nested` is the ingredient of an ingredient."""

LISTS = frozenset(
    {
        *("activity", "answer", "bodySite", "component", "condition", "conclusionCode"),
        *("dosageInstruction", "entry", "evidence", "finding", "item", "orderDetail"),
        *("payload", "reaction", "reasonCode", "reasonReference", "section", "supportingInfo"),
    }
)
"""Elements that repeat where a carrier stands in or below them."""

WORDED = frozenset(
    {
        *("note", "note.text", "supportingInfo", "item.text", "section.text", "reasonCode.text"),
        *("entry.item", "reasonReference.display", "valueString", "component.valueString"),
        *("reaction.description", "dosage.text", "dosageInstruction.text", "conclusion"),
        *("description", "summary", "payload.contentString", "activity.detail.description"),
        "item.answer.valueString",
    }
)
"""Elements that hold words and no code."""

STATUS: Mapping[str, str] = {
    "CarePlan": "active",
    "ClinicalImpression": "completed",
    "Communication": "completed",
    "Composition": "final",
    "Device": "active",
    "DeviceUseStatement": "active",
    "DiagnosticReport": "final",
    "DocumentReference": "current",
    "Encounter": "in-progress",
    "FamilyMemberHistory": "completed",
    "Flag": "active",
    "Immunization": "completed",
    "List": "current",
    "MedicationAdministration": "in-progress",
    "MedicationDispense": "in-progress",
    "MedicationRequest": "active",
    "MedicationStatement": "active",
    "Observation": "final",
    "Procedure": "completed",
    "QuestionnaireResponse": "completed",
}
DATES: Mapping[str, str] = {
    "AdverseEvent": "date",
    "ClinicalImpression": "date",
    "Communication": "sent",
    "Composition": "date",
    "Condition": "onsetDateTime",
    "DeviceUseStatement": "recordedOn",
    "DiagnosticReport": "effectiveDateTime",
    "DocumentReference": "date",
    "List": "date",
    "Observation": "effectiveDateTime",
    "Procedure": "performedDateTime",
    "QuestionnaireResponse": "authored",
}


class Carrier(NamedTuple):
    """One place: type and element, whether only words are read there, and how it is told."""

    rtype: str
    element: str
    words_only: bool
    form: str = ""

    def __str__(self) -> str:
        """Say it as the table does."""
        return f"{self.rtype}.{self.element}{f' ({self.form})' if self.form else ''}"


class Cell(NamedTuple):
    """A set at a carrier, and the rules that must tell of it there."""

    name: str
    carrier: Carrier
    rules: frozenset[str]
    allergy: bool
    long_ago: bool
    stopped: bool


def cells(pack: Pack) -> list[Cell]:
    """Every set at every place where a rule with `any` looks for it by code and by words."""
    found: dict[tuple[str, Carrier, bool, bool, bool], set[str]] = {}
    for rule in pack.content.rules:
        for wanted in rule.inputs if rule.match == "any" else ():
            if wanted.check is None and wanted.value_sets:
                asked = (_of_allergy(wanted), bool(wanted.older_than_days), _stopped(wanted))
                for carrier in _carriers(pack, wanted):
                    for name in wanted.value_sets:
                        found.setdefault((name, carrier, *asked), set()).update(_tellers(rule))
    return [
        Cell(name, carrier, frozenset(rules), allergy, long_ago, stopped)
        for (name, carrier, allergy, long_ago, stopped), rules in sorted(found.items())
    ]


def _of_allergy(wanted: Input) -> bool:
    return wanted.carriers is FactKind.ALLERGY


def _stopped(wanted: Input) -> bool:
    return wanted.status == "stopped"


def _tellers(rule: Rule) -> Iterator[str]:
    """The rule, and those that tell in its place."""
    yield rule.id
    yield from (one for gives in rule.gives_way_to for one in gives.rules)
    yield from (step.rule for one in rule.inputs for step in one.adjust if step.rule)


def _carriers(pack: Pack, wanted: Input) -> Iterator[Carrier]:
    for rtype in wanted.resource_types:
        for element in wanted.element.split("+"):
            yield from _forms(Carrier(rtype, element, words_only=element in WORDED))
    if wanted.carriers is None or wanted.older_than_days is not None or _stopped(wanted):
        return
    for row in pack.content.carriers.rows:
        # a code alone does not say allergy: there words are needed, and they are tried
        words_only = row.free_text or _of_allergy(wanted)
        if wanted.carriers in row.facts and (wanted.free_text or not row.free_text):
            for rtype in row.resource_types:
                for element in row.element.split("+"):
                    yield Carrier(rtype, element, words_only)


def _forms(carrier: Carrier) -> Iterator[Carrier]:
    told = FORMS if carrier.element == "medication" else ("",)
    yield from (carrier._replace(form=one) for one in told)


def concept(coding: Coding) -> Resource:
    """A concept of one bare code."""
    return {"coding": [{"system": coding.system, "code": coding.code}]}


def holding(cell: Cell, held: Told, number: int) -> list[Resource]:
    """Resources of the patient that hold a concept, or words, at the carrier of a cell.

    The first is the evidence; those that it leads to follow.
    """
    carrier, key = cell.carrier, f"c{number}"
    one: Resource = {"resourceType": carrier.rtype, "id": key}
    one["patient" if carrier.rtype in OF_PATIENT else "subject"] = SUBJECT
    if carrier.rtype in STATUS:
        one["status"] = "stopped" if cell.stopped else STATUS[carrier.rtype]
    if carrier.rtype in DATES:
        one[DATES[carrier.rtype]] = LONG_AGO if cell.long_ago else RECENT
    if carrier.rtype == "Condition":
        one["clinicalStatus"] = {"coding": [{"code": "active"}]}
    if carrier.element == "medication":
        return _medicated(one, carrier.form, held, key)
    if carrier.element == "device":
        return _worn(one, held, key)
    put(one, carrier.element, held)
    return [one]


def ordering(cell: Cell, held: Sequence[Told]) -> Resource:
    """Changes to an order that say all of these in one element; of a plain one there is one."""
    element = cell.carrier.element
    if element in _WORDED:
        told = [_worded(element, one) for one in held]
        return {name: [one for each in told for one in each[name]] for name in told[0]}
    return {element: list(held) if element in LISTS else held[0]}


def put(one: Resource, element: str, held: Told) -> None:
    """Put a concept, a coding or words at a dotted path."""
    if element in _WORDED:
        one |= _worded(element, held)
        return
    *path, last = element.split(".")
    tree = one
    for step in path:
        inner: Resource = {}
        tree[step] = [inner] if step in LISTS else inner
        tree = inner
    value = held["coding"][0] if last == "valueCoding" and isinstance(held, dict) else held
    tree[last] = [value] if last in LISTS else value


_WORDED = frozenset(
    {
        *("note", "note.text", "item.text", "section.text", "reasonCode.text"),
        *("entry.item", "supportingInfo", "reasonReference.display"),
    }
)


def _worded(element: str, held: Told) -> Resource:
    """Say words where the element is not the path itself."""
    match element:
        case "note" | "note.text":
            return {"note": [{"text": held}]}
        case "item.text":
            answer = [{"valueBoolean": True}]
            return {"item": [{"linkId": "1", "text": f"{held}?", "answer": answer}]}
        case "section.text":
            return {"section": [{"text": {"status": "additional", "div": f"<div>{held}</div>"}}]}
        case "reasonCode.text":
            return {"reasonCode": [{"text": held}]}
        case "entry.item":
            return {"entry": [{"item": {"display": held}}]}
        case _:
            return {element.removesuffix(".display"): [{"display": held}]}


def _worn(one: Resource, held: Told, key: str) -> list[Resource]:
    device = {"resourceType": "Device", "id": f"{key}d", "type": held, "status": "active"}
    one["device"] = {"reference": f"Device/{key}d"}
    return [one, device]


def _medicated(one: Resource, form: str, held: Told, key: str) -> list[Resource]:
    """Tell a medication in one of the forms."""
    ingredient = {"ingredient": [{"itemCodeableConcept": held}]}
    drug: Resource = {"resourceType": "Medication", "id": f"{key}m"}
    match form:
        case "inline":
            return [{**one, "medicationCodeableConcept": held}]
        case "contained" | "contained ingredient":
            drug |= {"code": held} if form == "contained" else ingredient
            return [{**one, "contained": [drug], "medicationReference": {"reference": f"#{key}m"}}]
        case "nested":
            inner = {"resourceType": "Medication", "id": f"{key}n", "code": held}
            drug["ingredient"] = [{"itemReference": {"reference": f"Medication/{key}n"}}]
        case _:
            drug |= {"code": held} if form == "referenced" else ingredient
            inner = None
    referring = {**one, "medicationReference": {"reference": f"Medication/{key}m"}}
    return [referring, drug, *([inner] if inner else [])]
