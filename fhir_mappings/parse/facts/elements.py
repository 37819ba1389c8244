"""Which elements a pack may name, and how each is read.

Names are those of FHIR, without the type; a name that does not stand here refuses the pack.
Source: rules.md of the content pack, Elements.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

from fhir_mappings.model.fact import Loose, Said
from fhir_mappings.model.json import Json, members, text
from fhir_mappings.parse.facts import free_text, medications, observations, questionnaires
from fhir_mappings.parse.facts.source import Source, concept, concepts, numbered

Reader: TypeAlias = Callable[[Source], tuple[Said, ...]]


def reasons(source: Source) -> tuple[Said, ...]:
    """Read the code of what the order gives as its reason, and the display beside it."""
    return tuple(
        said
        for path, held in numbered(
            f"{source.root}.reasonReference", source.tree.get("reasonReference")
        )
        for said in _reason(source, path, held)
    )


def _reason(source: Source, path: str, reference: Json) -> tuple[Said, ...]:
    target = text(reference, "reference")
    found = source.follow(target) if target else None
    tree, origin = found or ({}, "")
    display = text(reference, "display").strip()
    spoken = Said(path=path, place=path, texts=(display,) if display else ())
    if "code" not in tree:
        return (spoken,) if display else ()
    said = concept(source.naming, path, tree["code"])
    named = display and display not in _names(said)
    own = Said(path=path, place=path, codings=said.codings, texts=said.texts, source=origin)
    return (own, spoken) if named else (own,)


def _names(said: Said) -> set[str]:
    return {*said.texts, *(one.display for one in said.codings)}


def _concepts(*elements: str) -> dict[str, Reader]:
    return {one: partial(concepts, element=one) for one in elements}


def _nothing(_: Source) -> tuple[Said, ...]:
    """Say nothing: the element is read as a mark, a date or by a check."""
    return ()


ELEMENTS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        **_concepts("vaccineCode", "type", "bodySite", "orderDetail", "reasonCode"),
        **_concepts("reaction.substance", "condition.code", "valueCodeableConcept"),
        "code": observations.code,
        "medication": medications.medication,
        "reasonReference": reasons,
        "reasonCode.text": free_text.reason_texts,
        "note": free_text.notes,
        "note.text": free_text.notes,
        "supportingInfo": free_text.displays,
        "section.text": free_text.sections,
        "item.answer.valueCoding": questionnaires.coded,
        "item.answer.valueString": questionnaires.worded,
        **dict.fromkeys(("occurrence", "birthDate", "gender", "communication"), _nothing),
        **dict.fromkeys(("extension", "text", "rule", "status", "date"), _nothing),
        **dict.fromkeys(("subject", "patient", "medicationReference"), _nothing),
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
    }
)
"""Resource types that a pack may name."""

MARKS: Final = frozenset(
    {
        *("status", "clinicalStatus", "verificationStatus", "intent", "doNotPerform", "category"),
        *("type", "criticality", "code", "bodySite", "orderDetail", "reasonCode"),
        *("reasonReference", "birthDate", "gender", "priority", "severity", "category"),
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


def order_loose(source: Source) -> tuple[Loose, ...]:
    """Return the order's reasons and supporting information that lead nowhere.

    A reference of words alone leads nowhere on purpose: its display is read as text.
    """
    return tuple(
        source.loose(element, path, held)
        for element in ("reasonReference", "supportingInfo")
        for path, held in numbered(f"{source.root}.{element}", source.tree.get(element))
        if _meant(held) and source.follow(text(held, "reference")) is None
    )


def _meant(reference: Json) -> bool:
    return bool(text(reference, "reference")) or "identifier" in members(reference)
