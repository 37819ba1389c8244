"""THE table of searching: for each type, the parameters that are offered, their kind and path.

`_id` and `_lastUpdated` are offered for every type and are not listed. A path leads through
arrays; a choice is listed with its types. At most one date parameter a type: a row of the store
has one clinical interval.

Source: FHIR R4 search parameter registry (paths and targets); PROTOCOL §9 (which of them).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec


class Kind(StrEnum):
    """How a parameter's values are compared.

    An identifier is a token whose case counts: two patients may differ by it alone. Other tokens
    are folded, as FHIR R4 advises where a code system does not say.
    """

    TOKEN = "token"  # noqa: S105 - the name of a kind, no secret
    IDENTIFIER = "identifier"
    REFERENCE = "reference"
    DATE = "date"

    @property
    def declared(self) -> str:
        """Return the type that a CapabilityStatement names."""
        return "token" if self is Kind.IDENTIFIER else self.value


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One search parameter of one type.

    `targets` are the types that a value without a type may mean; a reference is indexed only
    where its type is one of `only`, if that is given.
    """

    kind: Kind
    paths: tuple[str, ...]
    targets: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


def _token(*paths: str) -> Parameter:
    return Parameter(kind=Kind.TOKEN, paths=paths)


def _date(*paths: str) -> Parameter:
    return Parameter(kind=Kind.DATE, paths=paths)


def _to(paths: str, *targets: str) -> Parameter:
    return Parameter(kind=Kind.REFERENCE, paths=tuple(paths.split()), targets=targets)


def _only(path: str, target: str) -> Parameter:
    return Parameter(kind=Kind.REFERENCE, paths=(path,), targets=(target,), only=(target,))


_PEOPLE: Final = ("Practitioner", "PractitionerRole", "Organization", "Patient", "Device")
_SUBJECTS: Final = ("Patient", "Group", "Device", "Location")

SHARED: Final = frozenset(
    {
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "HealthcareService",
        "Schedule",
    }
)
"""Types of which there are few, each named by many resources."""

_IDENTIFIER: Final = Parameter(kind=Kind.IDENTIFIER, paths=("identifier",))
_STATUS: Final = _token("status")
_CODE: Final = _token("code")
_MEDICINE: Final = _token("medicationCodeableConcept")
_PATIENT: Final = _only("patient", "Patient")
_OF_SUBJECT: Final = _only("subject", "Patient")
_SUBJECT: Final = _to("subject", *_SUBJECTS)
_ENCOUNTER: Final = _to("encounter", "Encounter")


def _about(**parameters: Parameter) -> Mapping[str, Parameter]:
    """Give the parameters of a type whose subject is a patient; `_` in a name is written `-`."""
    named = {name.replace("_", "-"): one for name, one in parameters.items()}
    return {"identifier": _IDENTIFIER, "patient": _OF_SUBJECT, "subject": _SUBJECT, **named}


def _of(**parameters: Parameter) -> Mapping[str, Parameter]:
    """Give the parameters of a type with an identifier and no subject."""
    named = {name.replace("_", "-"): one for name, one in parameters.items()}
    return {"identifier": _IDENTIFIER, **named}


def _without_identifier(**parameters: Parameter) -> Mapping[str, Parameter]:
    return {name.replace("_", "-"): one for name, one in parameters.items()}


TABLE: Final[Mapping[str, Mapping[str, Parameter]]] = MappingProxyType(
    {
        # people and places
        "Patient": _of(
            active=_token("active"), gender=_token("gender"), birthdate=_date("birthDate")
        ),
        "Practitioner": _of(active=_token("active")),
        "PractitionerRole": _of(
            active=_token("active"),
            role=_token("code"),
            specialty=_token("specialty"),
            practitioner=_to("practitioner", "Practitioner"),
            organization=_to("organization", "Organization"),
            location=_to("location", "Location"),
            service=_to("healthcareService", "HealthcareService"),
            date=_date("period"),
        ),
        "Organization": _of(active=_token("active"), type=_token("type")),
        "Location": _of(status=_STATUS, organization=_to("managingOrganization", "Organization")),
        # clinical
        "Condition": _about(
            code=_CODE,
            clinical_status=_token("clinicalStatus"),
            verification_status=_token("verificationStatus"),
            category=_token("category"),
            encounter=_ENCOUNTER,
            recorded_date=_date("recordedDate"),
        ),
        "Observation": _about(
            code=_CODE,
            status=_STATUS,
            category=_token("category"),
            encounter=_ENCOUNTER,
            date=_date(
                "effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming"
            ),
        ),
        "DiagnosticReport": _about(
            code=_CODE,
            status=_STATUS,
            category=_token("category"),
            encounter=_ENCOUNTER,
            date=_date("effectiveDateTime", "effectivePeriod"),
        ),
        "AllergyIntolerance": _of(
            patient=_PATIENT,
            code=_token("code", "reaction.substance"),
            clinical_status=_token("clinicalStatus"),
            verification_status=_token("verificationStatus"),
            category=_token("category"),
            criticality=_token("criticality"),
            date=_date("recordedDate"),
        ),
        "Medication": _of(code=_CODE, status=_STATUS),
        "MedicationRequest": _about(
            code=_MEDICINE,
            status=_STATUS,
            intent=_token("intent"),
            medication=_to("medicationReference", "Medication"),
            requester=_to("requester", *_PEOPLE),
            encounter=_ENCOUNTER,
            authoredon=_date("authoredOn"),
        ),
        "MedicationStatement": _about(
            code=_MEDICINE,
            status=_STATUS,
            medication=_to("medicationReference", "Medication"),
            effective=_date("effectiveDateTime", "effectivePeriod"),
        ),
        "MedicationDispense": _about(
            code=_MEDICINE,
            status=_STATUS,
            medication=_to("medicationReference", "Medication"),
            whenhandedover=_date("whenHandedOver"),
        ),
        "Immunization": _of(
            patient=_PATIENT,
            status=_STATUS,
            vaccine_code=_token("vaccineCode"),
            date=_date("occurrenceDateTime"),
        ),
        "FamilyMemberHistory": _of(
            patient=_PATIENT,
            status=_STATUS,
            code=_token("condition.code"),
            relationship=_token("relationship"),
            date=_date("date"),
        ),
        "Flag": _about(encounter=_ENCOUNTER, date=_date("period")),
        "List": _about(code=_CODE, status=_STATUS, encounter=_ENCOUNTER, date=_date("date")),
        "Device": _of(patient=_PATIENT, status=_STATUS, type=_token("type")),
        "QuestionnaireResponse": _about(
            status=_STATUS, encounter=_ENCOUNTER, authored=_date("authored")
        ),
        "DocumentReference": {
            **_about(
                status=_STATUS,
                type=_token("type"),
                category=_token("category"),
                encounter=_to("context.encounter", "Encounter"),
                date=_date("date"),
            ),
            "identifier": Parameter(kind=Kind.IDENTIFIER, paths=("masterIdentifier", "identifier")),
        },
        "Composition": _about(
            status=_STATUS, type=_token("type"), encounter=_ENCOUNTER, date=_date("date")
        ),
        "Communication": _about(
            status=_STATUS,
            category=_token("category"),
            encounter=_ENCOUNTER,
            based_on=_to("basedOn", "ServiceRequest"),
            sent=_date("sent"),
        ),
        # the visit
        "Procedure": _about(
            code=_CODE,
            status=_STATUS,
            based_on=_to("basedOn", "ServiceRequest"),
            performer=_to("performer.actor", *_PEOPLE),
            part_of=_to("partOf", "Procedure"),
            encounter=_ENCOUNTER,
            date=_date("performedDateTime", "performedPeriod"),
        ),
        "MedicationAdministration": _of(
            patient=_OF_SUBJECT,
            code=_MEDICINE,
            status=_STATUS,
            effective_time=_date("effectiveDateTime", "effectivePeriod"),
        ),
        # the order and what becomes of it
        "ServiceRequest": _about(
            code=_CODE,
            status=_STATUS,
            intent=_token("intent"),
            priority=_token("priority"),
            requisition=Parameter(kind=Kind.IDENTIFIER, paths=("requisition",)),
            requester=_to("requester", *_PEOPLE),
            performer=_to("performer", *_PEOPLE),
            replaces=_to("replaces", "ServiceRequest"),
            encounter=_ENCOUNTER,
            authored=_date("authoredOn"),
        ),
        "Task": _of(
            patient=_only("for", "Patient"),
            subject=_to("for", *_SUBJECTS),
            focus=_to("focus", "ServiceRequest"),
            based_on=_to("basedOn", "ServiceRequest"),
            owner=_to("owner", *_PEOPLE),
            requester=_to("requester", *_PEOPLE),
            code=_CODE,
            status=_STATUS,
            business_status=_token("businessStatus"),
            group_identifier=Parameter(kind=Kind.IDENTIFIER, paths=("groupIdentifier",)),
            part_of=_to("partOf", "Task"),
            authored_on=_date("authoredOn"),
        ),
        "DetectedIssue": _of(
            patient=_PATIENT,
            implicated=_to("implicated", "ServiceRequest"),
            code=_CODE,
            author=_to("author", *_PEOPLE),
            identified=_date("identifiedDateTime", "identifiedPeriod"),
        ),
        "Appointment": _of(
            patient=_only("participant.actor", "Patient"),
            practitioner=_only("participant.actor", "Practitioner"),
            location=_only("participant.actor", "Location"),
            actor=_to("participant.actor", *_PEOPLE, "Location", "HealthcareService"),
            based_on=_to("basedOn", "ServiceRequest"),
            slot=_to("slot", "Slot"),
            supporting_info=_to("supportingInformation", "Appointment"),
            status=_STATUS,
            part_status=_token("participant.status"),
            service_type=_token("serviceType"),
            date=_date("start"),
        ),
        "AppointmentResponse": _of(
            appointment=_to("appointment", "Appointment"),
            actor=_to("actor", *_PEOPLE, "Location", "HealthcareService"),
            patient=_only("actor", "Patient"),
            part_status=_token("participantStatus"),
        ),
        # the clinic's offer
        "HealthcareService": _of(
            active=_token("active"),
            location=_to("location", "Location"),
            organization=_to("providedBy", "Organization"),
            service_type=_token("type"),
        ),
        "Schedule": _of(
            active=_token("active"),
            actor=_to("actor", *_PEOPLE, "Location", "HealthcareService"),
            service_type=_token("serviceType"),
            date=_date("planningHorizon"),
        ),
        "Slot": _of(schedule=_to("schedule", "Schedule"), status=_STATUS, start=_date("start")),
        "Provenance": _without_identifier(
            target=_to("target", "Task", "Appointment", "Procedure", "DetectedIssue"),
            agent=_to("agent.who", *_PEOPLE),
            recorded=_date("recorded"),
        ),
    }
)

PATIENT_MEMBERS: Final = ("subject", "patient", "for", "beneficiary", "individual")
"""Members whose reference says which Patient a resource is about, in the order tried.

Source: FHIR R4 patient compartment, first member of each type in use; Appointment and
AppointmentResponse name the Patient as an actor.
"""

ACTORS: Final = ("participant.actor", "actor")
