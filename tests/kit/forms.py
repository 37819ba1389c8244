"""Small resources of each type as a placer sends them; synthetic, and valid R4."""

from typing import Any

Resource = dict[str, Any]

_PATIENT = {"reference": "Patient/p-1"}
_CONCEPT = {"text": "a test"}

_LEAST: dict[str, Resource] = {
    "Patient": {"identifier": [{"system": "https://ehr.example/mrn", "value": "A-1"}]},
    "Practitioner": {"identifier": [{"system": "https://ehr.example/doc", "value": "D-1"}]},
    "PractitionerRole": {"practitioner": {"reference": "Practitioner/d-1"}},
    "Organization": {"name": "A practice (synthetic)"},
    "Location": {"name": "A room"},
    "Condition": {"subject": _PATIENT, "code": _CONCEPT},
    "Observation": {"status": "final", "code": _CONCEPT, "subject": _PATIENT},
    "DiagnosticReport": {"status": "final", "code": _CONCEPT, "subject": _PATIENT},
    "AllergyIntolerance": {
        "patient": _PATIENT,
        "code": _CONCEPT,
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                    "code": "active",
                }
            ]
        },
    },
    "Medication": {"code": _CONCEPT},
    "MedicationRequest": {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": _CONCEPT,
        "subject": _PATIENT,
    },
    "MedicationStatement": {
        "status": "active",
        "medicationCodeableConcept": _CONCEPT,
        "subject": _PATIENT,
    },
    "MedicationDispense": {
        "status": "completed",
        "medicationCodeableConcept": _CONCEPT,
        "subject": _PATIENT,
    },
    "Immunization": {
        "status": "completed",
        "vaccineCode": _CONCEPT,
        "patient": _PATIENT,
        "occurrenceDateTime": "2026",
    },
    "FamilyMemberHistory": {"status": "completed", "patient": _PATIENT, "relationship": _CONCEPT},
    "Flag": {"status": "active", "code": _CONCEPT, "subject": _PATIENT},
    "List": {"status": "current", "mode": "working", "subject": _PATIENT},
    "Device": {"patient": _PATIENT},
    "QuestionnaireResponse": {"status": "completed", "subject": _PATIENT},
    "DocumentReference": {
        "status": "current",
        "subject": _PATIENT,
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    },
    "Composition": {
        "status": "final",
        "type": _CONCEPT,
        "subject": _PATIENT,
        "date": "2026-11-01",
        "author": [{"reference": "Practitioner/d-1"}],
        "title": "A letter",
    },
    "Communication": {"status": "completed", "subject": _PATIENT},
    "Procedure": {"status": "completed", "subject": _PATIENT, "code": _CONCEPT},
    "MedicationAdministration": {
        "status": "completed",
        "medicationCodeableConcept": _CONCEPT,
        "subject": _PATIENT,
        "effectiveDateTime": "2026-11-01",
    },
}

PLAIN = tuple(_LEAST)
"""Types that a placer writes as they are."""


def a_resource(rtype: str, **changes: object) -> Resource:
    """The least valid resource of a type, with members changed or added."""
    return {"resourceType": rtype, **_LEAST[rtype], **changes}
