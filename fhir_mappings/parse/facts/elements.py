"""Which elements a pack may name, and how each is read.

Names are those of FHIR, without the type; a name that does not stand here refuses the pack.
Source: rules.md of the content pack, Elements.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

from fhir_mappings.model.fact import Said
from fhir_mappings.parse.facts import (
    free_text,
    medications,
    observations,
    questionnaires,
    references,
)
from fhir_mappings.parse.facts.source import Source, concepts

Reader: TypeAlias = Callable[[Source], tuple[Said, ...]]


def _concepts(*elements: str) -> dict[str, Reader]:
    return {one: partial(concepts, element=one) for one in elements}


def _words(*elements: str) -> dict[str, Reader]:
    return {one: partial(free_text.strings, element=one) for one in elements}


def _displays(*elements: str) -> dict[str, Reader]:
    return {one: partial(free_text.displays, element=one) for one in elements}


def _nothing(_: Source) -> tuple[Said, ...]:
    """Say nothing: the element is read as a mark, a date or by a check."""
    return ()


ELEMENTS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        **_concepts("vaccineCode", "type", "bodySite", "orderDetail", "reasonCode"),
        **_concepts("reaction.substance", "condition.code", "valueCodeableConcept"),
        **_concepts("component.valueCodeableConcept", "evidence.code", "conclusionCode", "event"),
        **_concepts("activity.detail.code", "finding.itemCodeableConcept"),
        "code": observations.code,
        "medication": medications.medication,
        "reasonReference": references.reasons,
        "reasonCode.text": free_text.reason_texts,
        "note": free_text.notes,
        "note.text": free_text.notes,
        **_words("valueString", "component.valueString", "reaction.description"),
        **_words("dosage.text", "dosageInstruction.text", "conclusion", "description"),
        **_words("summary", "payload.contentString", "activity.detail.description"),
        **_displays("supportingInfo", "entry.item"),
        "reasonReference.display": partial(free_text.displays, element="reasonReference"),
        "device": references.device,
        "section.text": free_text.narratives,
        "item.answer.valueCoding": questionnaires.coded,
        "item.answer.valueString": questionnaires.worded,
        "item.text": questionnaires.asked,
        **dict.fromkeys(("occurrence", "birthDate", "gender", "communication"), _nothing),
        **dict.fromkeys(("extension", "text", "rule", "status", "date"), _nothing),
        **dict.fromkeys(("subject", "patient", "medicationReference"), _nothing),
        **dict.fromkeys(
            ("section.entry", "result", "content", "presentedForm", "series"), _nothing
        ),
        "medicationReference.ingredient.itemReference": _nothing,
    }
)

SAYING: Final = frozenset(name for name, reader in ELEMENTS.items() if reader is not _nothing)
"""Elements that hold concepts or words."""

TYPES: Final = frozenset(
    {
        *("MedicationStatement", "MedicationRequest", "MedicationAdministration"),
        *("MedicationDispense", "Medication", "Condition", "AllergyIntolerance", "Observation"),
        *("Procedure", "Immunization", "FamilyMemberHistory", "Device", "DeviceUseStatement"),
        *("Flag", "QuestionnaireResponse", "Composition", "Patient", "ServiceRequest"),
        *("AdverseEvent", "CarePlan", "ClinicalImpression", "Communication"),
        *("DiagnosticReport", "DocumentReference", "Encounter", "ImagingStudy", "List", "Media"),
    }
)
"""Resource types that a pack may name."""

MARKS: Final = frozenset(
    {
        *("status", "clinicalStatus", "verificationStatus", "intent", "doNotPerform", "category"),
        *("type", "criticality", "code", "bodySite", "orderDetail", "reasonCode"),
        *("reasonReference", "birthDate", "gender", "priority", "severity", "category"),
        *("presentedForm", "content"),
    }
)
"""Plain elements whose presence or code a pack may ask for."""


def said(source: Source, elements: tuple[str, ...]) -> dict[str, tuple[Said, ...]]:
    """Read these elements; a note of an order includes its instruction to the patient."""
    return {one: _reader(source.rtype, one)(source) for one in elements}


def _reader(rtype: str, element: str) -> Reader:
    if rtype == "ServiceRequest" and element == "note":
        return free_text.notes_and_instruction
    return ELEMENTS[element]
