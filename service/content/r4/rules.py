"""Invariants of R4 that ask only which elements are there, as JSON Schema.

Each is the constraint of its key at https://hl7.org/fhir/R4/ (`path`, key, what must hold). Those
that compare values or resolve something stand in `fhir_mappings.parse.checks`. A rule is a tuple
read as a sentence: one of its alternatives must hold; an alternative lists elements that must be
there, or, behind `!`, must not, or, before `>=0`, must not be negative.
"""

from typing import Final

_OF_QUANTITY: Final[dict[str, tuple[str, ...]]] = {"qty-3": ("!code", "system")}

RULES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Age": {**_OF_QUANTITY, "age-1": ("!value", "code")},
    "Appointment": {"app-2": ("start end", "!start !end")},
    "Appointment.participant": {"app-1": ("type", "actor")},
    "AppointmentResponse": {"apr-1": ("participantType", "actor")},
    "Attachment": {"att-1": ("!data", "contentType")},
    "Bundle.entry": {"bdl-5": ("resource", "request", "response")},
    "Composition.section": {
        "cmp-1": ("text", "section", "entry"),
        "cmp-2": ("!emptyReason", "!entry"),
    },
    "Condition.evidence": {"con-2": ("code", "detail")},
    "Condition.stage": {"con-1": ("summary", "assessment")},
    "ContactPoint": {"cpt-2": ("!value", "system")},
    "Count": {**_OF_QUANTITY, "cnt-3": ("!value", "code")},
    "Distance": {**_OF_QUANTITY, "dis-1": ("!value", "code")},
    "Duration": {**_OF_QUANTITY, "drt-1": ("!code", "system value")},
    "Expression": {"exp-1": ("expression", "reference")},
    "Extension": {"ext-1": ("extension !value", "!extension value")},
    "FamilyMemberHistory": {"fhs-1": ("!age", "!born"), "fhs-2": ("age", "!estimatedAge")},
    "Immunization.education": {"imm-1": ("documentType", "reference")},
    "List": {"lst-1": ("!emptyReason", "!entry")},
    "MedicationAdministration.dosage": {"mad-1": ("dose", "rate")},
    "Observation": {"obs-6": ("!dataAbsentReason", "!value")},
    "Observation.referenceRange": {"obs-3": ("low", "high", "text")},
    "Organization": {"org-1": ("identifier", "name")},
    "Parameters.parameter": {
        "inv-1": (
            "part !value !resource",
            "!part value !resource",
            "!part !value resource",
        )
    },
    "Patient.contact": {"pat-1": ("name", "telecom", "address", "organization")},
    "Quantity": _OF_QUANTITY,
    "QuestionnaireResponse.item": {"qrs-1": ("!answer", "!item")},
    "Ratio": {"rat-1": ("numerator denominator", "!numerator !denominator extension")},
    "ServiceRequest": {"prr-1": ("!orderDetail", "code")},
    "Timing.repeat": {
        "tim-1": ("!duration", "durationUnit"),
        "tim-2": ("!period", "periodUnit"),
        "tim-4": ("duration>=0",),
        "tim-5": ("period>=0",),
        "tim-6": ("!periodMax", "period"),
        "tim-7": ("!durationMax", "duration"),
        "tim-8": ("!countMax", "count"),
        "tim-9": ("!offset", "when"),
        "tim-10": ("!timeOfDay", "!when"),
    },
}
