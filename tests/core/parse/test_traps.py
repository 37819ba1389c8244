"""Each row of what FHIR libraries wrongly take, or wrongly refuse: what this service does."""

from decimal import Decimal

import pytest

from fhir_mappings.model.json import Json
from fhir_mappings.parse import guard
from fhir_mappings.parse.resource import judge
from fhir_mappings.problems import Code
from tests.kit.r4 import judged, shape

ABSENT: Json = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "unknown",
        }
    ]
}
PATIENT: Json = {"reference": "Patient/1"}
PATIENT_AS_PLAN: Json = {"reference": "urn:uuid:1"}
SCRIPT = "<div xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></div>"


def patient(**members: Json) -> dict[str, Json]:
    return {"resourceType": "Patient", **members}


def order(**members: Json) -> dict[str, Json]:
    base: dict[str, Json] = {"status": "active", "intent": "order", "subject": PATIENT}
    return {"resourceType": "ServiceRequest", **base, **members}


def condition(**members: Json) -> dict[str, Json]:
    return {"resourceType": "Condition", "subject": PATIENT, **members}


def appointment(**members: Json) -> dict[str, Json]:
    base: dict[str, Json] = {
        "status": "booked",
        "start": "2026-12-01T09:00:00Z",
        "end": "2026-12-01T09:30:00Z",
        "participant": [{"actor": PATIENT, "status": "accepted"}],
    }
    return {"resourceType": "Appointment", **base, **members}


def without(tree: dict[str, Json], *names: str) -> dict[str, Json]:
    return {name: value for name, value in tree.items() if name not in names}


def observation(**members: Json) -> dict[str, Json]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def bundle(*entries: Json, **members: Json) -> dict[str, Json]:
    return {"resourceType": "Bundle", "type": "collection", **members, "entry": list(entries)}


def ended(code: str) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {"coding": [{"system": system, "code": code}]}


def certainty(code: str) -> Json:
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {"coding": [{"system": system, "code": code}]}


def allergy(**members: Json) -> dict[str, Json]:
    return {"resourceType": "AllergyIntolerance", "patient": PATIENT, **members}


def allergy_code(kind: str, code: str) -> Json:
    system = f"http://terminology.hl7.org/CodeSystem/allergyintolerance-{kind}"
    return {"coding": [{"system": system, "code": code}]}


WRONG_ALLERGY = allergy_code("verification", "entered-in-error")


def a_list(entry: Json) -> dict[str, Json]:
    return {"resourceType": "List", "status": "current", "mode": "snapshot", "entry": [entry]}


COMPOSITION: Json = {
    "resourceType": "Composition",
    "status": "final",
    "type": {"text": "x"},
    "date": "2026-11-23",
    "author": [{"reference": "Practitioner/1"}],
    "title": "x",
}


def document(first: Json = COMPOSITION, **members: Json) -> dict[str, Json]:
    base: dict[str, Json] = {
        "type": "document",
        "timestamp": "2026-11-23T10:00:00Z",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"},
    }
    return bundle({"resource": first}, **{**base, **members})


REFUSED: list[tuple[str, dict[str, Json], str, str]] = [
    # required bindings
    ("order status", order(status="bogus"), "required-binding", "ServiceRequest.status"),
    ("order priority", order(priority="now"), "required-binding", "ServiceRequest.priority"),
    ("appointment status", appointment(status="x"), "required-binding", "Appointment.status"),
    (
        "bundle type",
        bundle({"resource": patient()}, type="bogus"),
        "required-binding",
        "Bundle.type",
    ),
    ("gender", patient(gender="M"), "required-binding", "Patient.gender"),
    (
        "identifier use",
        patient(identifier=[{"value": "1", "use": "x"}]),
        "required-binding",
        "Patient.identifier[0].use",
    ),
    (
        "a concept's required code",
        condition(clinicalStatus={"coding": [{"code": "active"}]}),
        "required-binding",
        "Condition.clinicalStatus",
    ),
    # empty values
    ("subject null", order(subject=None), "empty-value", "ServiceRequest.subject"),
    ("subject {}", order(subject={}), "empty-value", "ServiceRequest.subject"),
    ("subject absent", without(order(), "subject"), "required", "ServiceRequest.subject"),
    ("status absent", without(order(), "status"), "required", "ServiceRequest.status"),
    (
        "null beside its twin",
        order(status=None, _status=ABSENT),
        "empty-value",
        "ServiceRequest.status",
    ),
    ("[]", patient(name=[]), "empty-value", "Patient.name"),
    ("[{}]", patient(name=[{}]), "empty-value", "Patient.name[0]"),
    ("null", patient(name=None), "empty-value", "Patient.name"),
    ("[null]", patient(name=[None]), "empty-value", "Patient.name[0]"),
    ("code {}", order(code={}), "empty-value", "ServiceRequest.code"),
    ("participant []", appointment(participant=[]), "empty-value", "Appointment.participant"),
    ("resource null", bundle({"resource": None}), "empty-value", "Bundle.entry[0].resource"),
    # primitive arrays
    ("given [null]", patient(name=[{"given": [None]}]), "empty-value", "Patient.name[0].given[0]"),
    (
        "arrays of different length",
        patient(name=[{"given": ["a", "b"], "_given": [{"id": "x"}]}]),
        "primitive-pairing",
        "Patient.name[0].given",
    ),
    (
        "a place with neither",
        patient(name=[{"given": ["a", None], "_given": [{"id": "x"}, None]}]),
        "primitive-pairing",
        "Patient.name[0].given[1]",
    ),
    # text
    ("blank", patient(name=[{"family": "  "}]), "empty-value", "Patient.name[0].family"),
    ("empty", patient(name=[{"family": ""}]), "empty-value", "Patient.name[0].family"),
    ("id of 65", patient(id="x" * 65), "id-form", "Patient.id"),
    ("id with a slash", patient(id="a/b"), "id-form", "Patient.id"),
    # JSON types
    ("boolean as text", patient(active="true"), "value-type", "Patient.active"),
    ("boolean as number", patient(active=1), "value-type", "Patient.active"),
    ("integer as text", patient(multipleBirthInteger="3"), "value-type", "Patient.multipleBirth"),
    (
        "decimal as text",
        observation(valueQuantity={"value": "1.0"}),
        "value-type",
        "Observation.value.value",
    ),
    ("date as number", order(authoredOn=20200101), "value-type", "ServiceRequest.authoredOn"),
    ("single where a list is", patient(name={"family": "x"}), "cardinality", "Patient.name"),
    ("list where a single is", patient(gender=["male"]), "cardinality", "Patient.gender"),
    # dates
    ("30 February", patient(birthDate="2026-02-30"), "not-a-date", "Patient.birthDate"),
    (
        "29 February of no leap year",
        patient(birthDate="1900-02-29"),
        "not-a-date",
        "Patient.birthDate",
    ),
    ("31 April", patient(birthDate="2026-04-31"), "not-a-date", "Patient.birthDate"),
    ("month 13", patient(birthDate="2026-13"), "not-a-date", "Patient.birthDate"),
    ("year 0", patient(birthDate="0000"), "not-a-date", "Patient.birthDate"),
    ("24:00", order(authoredOn="2026-11-23T24:00:00Z"), "not-a-date", "ServiceRequest.authoredOn"),
    ("no zone", order(authoredOn="2026-11-23T10:00:00"), "not-a-date", "ServiceRequest.authoredOn"),
    (
        "no seconds",
        order(authoredOn="2026-11-23T10:00Z"),
        "not-a-date",
        "ServiceRequest.authoredOn",
    ),
    (
        "a day where an instant is",
        appointment(start="2026-12-01"),
        "not-a-date",
        "Appointment.start",
    ),
    # invariants
    (
        "per-1",
        order(occurrencePeriod={"start": "2026-12-02", "end": "2026-12-01"}),
        "invariant",
        "ServiceRequest.occurrence",
    ),
    (
        "app-1",
        appointment(participant=[{"status": "accepted"}]),
        "invariant",
        "Appointment.participant[0]",
    ),
    ("app-2", without(appointment(status="proposed"), "end"), "invariant", "Appointment"),
    ("app-3", without(appointment(), "start", "end"), "invariant", "Appointment"),
    (
        "app-4",
        appointment(cancelationReason={"text": "x"}),
        "invariant",
        "Appointment.cancelationReason",
    ),
    ("con-4", condition(abatementDateTime="2026"), "invariant", "Condition"),
    (
        "con-4 active",
        condition(abatementString="x", clinicalStatus=ended("active")),
        "invariant",
        "Condition",
    ),
    (
        "con-5",
        condition(clinicalStatus=ended("active"), verificationStatus=certainty("entered-in-error")),
        "invariant",
        "Condition",
    ),
    (
        "ref-1",
        order(subject={"reference": "#nope"}),
        "contained-not-found",
        "ServiceRequest.subject",
    ),
    (
        "dom-2",
        order(
            subject={"reference": "#a"},
            contained=[patient(id="a", contained=[patient(id="b")])],
        ),
        "invariant",
        "ServiceRequest.contained[0].contained",
    ),
    ("dom-3", order(contained=[patient(id="a")]), "invariant", "ServiceRequest.contained[0]"),
    (
        "dom-4",
        order(subject={"reference": "#a"}, contained=[patient(id="a", meta={"versionId": "1"})]),
        "invariant",
        "ServiceRequest.contained[0].meta",
    ),
    (
        "ext-1 both",
        patient(
            extension=[
                {"url": "a", "valueCode": "x", "extension": [{"url": "b", "valueCode": "y"}]}
            ]
        ),
        "invariant",
        "Patient.extension[0]",
    ),
    ("ext-1 neither", patient(extension=[{"url": "a"}]), "invariant", "Patient.extension[0]"),
    (
        "apr-1",
        {
            "resourceType": "AppointmentResponse",
            "appointment": {"reference": "Appointment/1"},
            "participantStatus": "accepted",
        },
        "invariant",
        "AppointmentResponse",
    ),
    (
        "inv-1 of Task",
        {
            "resourceType": "Task",
            "status": "requested",
            "intent": "order",
            "authoredOn": "2026-11-23T10:00:00Z",
            "lastModified": "2026-11-23T10:59:59+01:00",
        },
        "invariant",
        "Task.lastModified",
    ),
    ("bdl-1", bundle({"resource": patient()}, total=1), "invariant", "Bundle.total"),
    (
        "bdl-2",
        bundle({"resource": patient(), "search": {"mode": "match"}}),
        "invariant",
        "Bundle.entry[0].search",
    ),
    ("bdl-3", bundle({"resource": patient()}, type="transaction"), "invariant", "Bundle.entry[0]"),
    (
        "bdl-4",
        bundle({"resource": patient(), "response": {"status": "200"}}),
        "invariant",
        "Bundle.entry[0]",
    ),
    ("bdl-5", bundle({"fullUrl": "urn:uuid:1"}), "invariant", "Bundle.entry[0]"),
    (
        "bdl-7",
        bundle(
            {"fullUrl": "urn:a", "resource": patient()}, {"fullUrl": "urn:a", "resource": patient()}
        ),
        "invariant",
        "Bundle.entry[1].fullUrl",
    ),
    (
        "bdl-8",
        bundle({"fullUrl": "http://a.example/Patient/1/_history/2", "resource": patient()}),
        "invariant",
        "Bundle.entry[0].fullUrl",
    ),
    ("ele-1", patient(name=[{"id": "a"}]), "invariant", "Patient.name[0]"),
    ("ele-1 of a primitive", patient(_birthDate={"id": "a"}), "invariant", "Patient.birthDate"),
    ("qty-3", observation(valueQuantity={"code": "mg"}), "invariant", "Observation.value"),
    (
        "obs-7",
        observation(
            code={"coding": [{"code": "a"}]},
            valueString="x",
            component=[{"code": {"coding": [{"code": "a"}]}, "valueString": "y"}],
        ),
        "invariant",
        "Observation.component[0]",
    ),
    (
        "tim-4",
        order(occurrenceTiming={"repeat": {"duration": -1, "durationUnit": "h"}}),
        "invariant",
        "ServiceRequest.occurrence.repeat",
    ),
    ("ait-1", allergy(), "invariant", "AllergyIntolerance"),
    (
        "ait-2",
        allergy(
            clinicalStatus=allergy_code("clinical", "active"), verificationStatus=WRONG_ALLERGY
        ),
        "invariant",
        "AllergyIntolerance",
    ),
    ("lst-2", a_list({"item": PATIENT, "deleted": True}), "invariant", "List.entry[0]"),
    ("lst-3", a_list({"item": PATIENT, "date": "2026"}), "invariant", "List.entry[0]"),
    ("bdl-9", document(identifier={"value": "x"}), "invariant", "Bundle"),
    ("bdl-10", without(document(), "timestamp"), "invariant", "Bundle"),
    ("bdl-11", document(first=patient()), "invariant", "Bundle"),
    ("bdl-12", bundle({"resource": patient()}, type="message"), "invariant", "Bundle"),
    (
        "dom-5",
        order(
            subject={"reference": "#a"},
            contained=[patient(id="a", meta={"security": [{"code": "R"}]})],
        ),
        "invariant",
        "ServiceRequest.contained[0].meta",
    ),
    # resources inside
    (
        "contained without type",
        order(contained=[{"language": "en"}]),
        "unknown-type",
        "ServiceRequest.contained[0]",
    ),
    (
        "contained of an unknown type",
        order(contained=[{"resourceType": "FooType"}]),
        "unknown-type",
        "ServiceRequest.contained[0]",
    ),
    (
        "type that is a number",
        bundle({"resource": {"resourceType": 5}}),
        "unknown-type",
        "Bundle.entry[0].resource",
    ),
    (
        "resource as text",
        bundle({"resource": '{"resourceType":"Patient"}'}),
        "value-type",
        "Bundle.entry[0].resource",
    ),
    (
        "a fault inside an entry",
        bundle({"resource": patient()}, {"resource": patient(gender="M")}),
        "required-binding",
        "Bundle.entry[1].resource.gender",
    ),
    (
        "a fault inside parameters",
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "a", "part": [{"name": "b", "resource": patient(active=1)}]}],
        },
        "value-type",
        "Parameters.parameter[0].part[0].resource.active",
    ),
    # formats
    (
        "base64 outside the alphabet",
        patient(photo=[{"contentType": "image/png", "data": "QUJD*A=="}]),
        "value-format",
        "Patient.photo[0].data",
    ),
    (
        "blank in a uri",
        patient(implicitRules="http://a.example/ b"),
        "value-format",
        "Patient.implicitRules",
    ),
    (
        "a fraction for an integer",
        patient(multipleBirthInteger=Decimal("1.5")),
        "value-type",
        "Patient.multipleBirth",
    ),
    (
        "0 for a positive integer",
        patient(telecom=[{"system": "phone", "rank": 0}]),
        "value-format",
        "Patient.telecom[0].rank",
    ),
    # references
    (
        "another type",
        order(subject={"reference": "Organization/1"}),
        "reference-type",
        "ServiceRequest.subject",
    ),
    (
        "another type at an address",
        order(subject={"reference": "https://ehr.example/fhir/Practitioner/1/_history/2"}),
        "reference-type",
        "ServiceRequest.subject",
    ),
    (
        "no type of R4",
        order(subject={"reference": "Foo/1"}),
        "reference-type",
        "ServiceRequest.subject",
    ),
    # unknown
    ("fhir_comments", patient(fhir_comments=["x"]), "unknown-element", "Patient.fhir_comments"),
    ("element of another type", patient(subject=PATIENT), "unknown-element", "Patient.subject"),
    ("a name of nobody's", patient(foo=1), "unknown-element", "Patient"),
    (
        "two types of a choice",
        patient(deceasedBoolean=False, deceasedDateTime="2026"),
        "choice",
        "Patient.deceased",
    ),
    (
        "a type the choice lacks",
        observation(valueAttachment={"url": "a"}),
        "unknown-element",
        "Observation.value",
    ),
    (
        "no type of a required choice",
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": PATIENT,
        },
        "required",
        "MedicationRequest.medication",
    ),
    ("no such resource", {"resourceType": "FooType"}, "unknown-type", "Resource"),
]


@pytest.mark.parametrize(
    ("tree", "code", "expression"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused_with_its_code_and_place(tree: dict[str, Json], code: str, expression: str) -> None:
    problems = judged(tree)

    assert [(one[0], one[1]) for one in problems] == [(code, expression)]


VERSION: Json = {
    "fullUrl": "https://ehr.example/fhir/Patient/1",
    "resource": {"resourceType": "Patient", "id": "1"},
    "request": {"method": "PUT", "url": "Patient/1"},
    "response": {"status": "200"},
}

TAKEN: list[tuple[str, dict[str, Json]]] = [
    ("status absent with its reason", {**without(order(), "status"), "_status": ABSENT}),
    ("leap second", order(authoredOn="2016-12-31T23:59:60Z")),
    ("nine fractional digits", order(authoredOn="2026-11-23T10:00:00.123456789Z")),
    ("29 February of leap years", patient(birthDate="2000-02-29")),
    ("year 1", patient(birthDate="0001")),
    ("offset of fourteen hours", order(authoredOn="2026-11-23T10:00:00+14:00")),
    ("con-3, a warning", condition(category=[{"coding": [{"code": "problem-list-item"}]}])),
    ("con-4 held", condition(abatementDateTime="2026", clinicalStatus=ended("resolved"))),
    ("script in the narrative", patient(text={"status": "generated", "div": SCRIPT})),
    ("javascript: in a uri", patient(implicitRules="javascript:alert(1)")),
    ("names that pair", patient(name=[{"given": ["a", None], "_given": [None, ABSENT]}])),
    ("only extensions in the twin", patient(name=[{"_given": [ABSENT]}])),
    (
        "a Period of partial dates",
        order(occurrencePeriod={"start": "2026-12-24", "end": "2026-12"}),
    ),
    (
        "a Period whose zones differ",
        order(
            occurrencePeriod={"start": "2026-12-01T23:00:00-05:00", "end": "2026-12-02T04:00:00Z"}
        ),
    ),
    ("a proposal without times", without(appointment(status="proposed"), "start", "end")),
    ("# of the container", order(contained=[{**condition(id="a"), "subject": {"reference": "#"}}])),
    ("contained and referred to", order(subject={"reference": "#a"}, contained=[patient(id="a")])),
    ("a urn", order(subject={"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"})),
    ("a conditional reference", order(subject={"reference": "Patient?identifier=a|1"})),
    ("an address that is no resource's", order(subject={"reference": "https://a.example/x/y"})),
    ("a reference by identifier", order(subject={"identifier": {"value": "1"}})),
    ("a type of R4 that is not read", {"resourceType": "Encounter", "anything": ["x"]}),
    ("an allergy entered in error", allergy(verificationStatus=WRONG_ALLERGY)),
    ("a document", document()),
    ("an id beside a value", patient(birthDate="2000", _birthDate={"id": "a"})),
    ("an extension of type Meta", patient(extension=[{"url": "a", "valueMeta": {"source": "x"}}])),
    ("history with one resource twice", bundle(*[VERSION] * 2, type="history")),
    ("bidirectional controls", patient(name=[{"family": "a\u202eb"}])),
]


def test_type_of_a_resource_inside_that_is_null_is_refused() -> None:
    problems = judged(bundle({"resource": {"resourceType": None}}))

    assert [one[0] for one in problems] == ["unknown-type", "empty-value"]


def test_integer_written_as_a_decimal_is_refused() -> None:
    tree = guard.read(b'{"resourceType":"Patient","multipleBirthInteger":2.0}')

    problems = judge(tree, shape())

    assert [(one.code, one.expression) for one in problems] == [
        (Code.VALUE_FORMAT, "Patient.multipleBirth")
    ]


@pytest.mark.parametrize("tree", [row[1] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_taken(tree: dict[str, Json]) -> None:
    assert judged(tree) == []
