import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from fhir_mappings.model.json import Tree
from fhir_mappings.parse.index import index, reference_token, relative, token, under
from fhir_mappings.parse.instants import END_OF_TIME, START_OF_TIME, hull, interval
from fhir_mappings.terms.search_parameters import TABLE, Kind

SPACE = UUID("0199a1c0-0000-7000-8000-000000000001")
OTHER = UUID("0199a1c0-0000-7000-8000-000000000002")
EXAMPLES = Path(__file__).parents[2] / "data" / "payloads" / "examples"


def a_condition(**changes: object) -> Tree:
    tree: Tree = json.loads(
        json.dumps(
            {
                "resourceType": "Condition",
                "identifier": [{"system": "https://a.example/c", "value": "AbC"}],
                "subject": {"reference": "Patient/p-1"},
                "code": {"coding": [{"system": "http://x.example", "code": "K1"}, {"code": "K2"}]},
                "recordedDate": "2026-03",
                **changes,
            }
        )
    )
    return tree


def test_a_coding_is_found_in_its_system_anywhere_and_by_its_system_alone() -> None:
    tokens = index(a_condition(), space=SPACE).tokens

    assert token("Condition", "code", "http://x.example", "k1", exact=False) in tokens
    assert token("Condition", "code", None, "K1", exact=False) in tokens
    assert token("Condition", "code", "http://x.example", "", exact=False) in tokens


def test_a_coding_without_system_is_found_under_the_empty_system_only() -> None:
    tokens = index(a_condition(), space=SPACE).tokens

    assert token("Condition", "code", "", "K2", exact=False) in tokens
    assert token("Condition", "code", "http://x.example", "K2", exact=False) not in tokens


def test_case_counts_in_identifiers_because_two_patients_may_differ_by_it_alone() -> None:
    tokens = index(a_condition(), space=SPACE).tokens

    assert token("Condition", "identifier", "https://a.example/c", "AbC", exact=True) in tokens
    assert token("Condition", "identifier", "https://a.example/c", "abc", exact=True) not in tokens


def test_a_bar_inside_a_system_never_reads_as_another_systems_code() -> None:
    barred = index(a_condition(identifier=[{"system": "a|b", "value": "c"}]), space=SPACE).tokens

    assert token("Condition", "identifier", "a", "b|c", exact=True) not in barred
    assert token("Condition", "identifier", "a|b", "c", exact=True) in barred


def test_a_reference_token_carries_the_space_so_that_two_patients_of_one_id_never_meet() -> None:
    tokens = index(a_condition(), space=SPACE).tokens

    assert reference_token("Condition", "patient", SPACE, "Patient/p-1") in tokens
    assert reference_token("Condition", "patient", OTHER, "Patient/p-1") not in tokens
    assert reference_token("Condition", "patient", None, "Patient/p-1") in tokens


def test_a_reference_elsewhere_is_found_by_its_address() -> None:
    far = "https://ehr.example/fhir/Patient/9"

    indexed = index(a_condition(subject={"reference": far}), space=SPACE)

    assert reference_token("Condition", "subject", None, far) in indexed.tokens
    assert indexed.patient_rid == ""
    assert indexed.refs == ()


def test_an_absolute_reference_under_the_base_means_the_resource_of_the_space() -> None:
    ours = a_condition(subject={"reference": "https://clinic.example/fhir/Patient/9"})

    indexed = index(ours, space=SPACE, resolve=under("https://clinic.example/fhir"))

    assert indexed.patient_rid == "9"
    assert indexed.refs == ("Patient/9",)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Patient/1", "Patient/1"),
        ("Patient/1/_history/2", "Patient/1"),
        ("#a", ""),
        ("urn:uuid:0199a1c0-0000-7000-8000-000000000001", ""),
        ("https://x.example/Patient/1", ""),
        ("patient/1", ""),
        ("Patient/", ""),
        ("Patient/1/2", ""),
        ("../Patient/1", ""),
        ("", ""),
    ],
)
def test_only_type_and_id_are_a_reference_into_the_space(written: str, meant: str) -> None:
    assert relative(written) == meant


def test_a_partial_date_is_the_interval_it_can_mean() -> None:
    indexed = index(a_condition(), space=SPACE)

    assert indexed.at_from == datetime(2026, 3, 1, tzinfo=UTC)
    assert indexed.at_to == datetime(2026, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-12", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("2024-02-29", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("2026-03-01T10:00:00+02:00", "2026-03-01T08:00:00", "2026-03-01T08:00:01"),
        ("2026-03-01T23:30:00-05:00", "2026-03-02T04:30:00", "2026-03-02T04:30:01"),
        ("2026-03-01T10:00", "2026-03-01T10:00:00", "2026-03-01T10:01:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59", "2017-01-01T00:00:00"),
    ],
)
def test_dates_become_half_open_intervals_of_utc(value: str, start: str, end: str) -> None:
    found = interval(value)

    assert found == (
        datetime.fromisoformat(start).replace(tzinfo=UTC),
        datetime.fromisoformat(end).replace(tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "value",
    ["", "2026-02-30", "2026-13", "26", "0000", "2026-03-01T24:00:00Z", "2026-03-01 10:00:00",
     "2026-03-01T10:00:00+15:00", "0001-01-01T00:00:00+14:00", "\u0661\u0662\u0663\u0664"],
)  # fmt: skip
def test_what_is_no_date_has_no_interval(value: str) -> None:
    assert interval(value) is None


def test_an_open_period_reaches_to_the_end_of_time() -> None:
    assert hull({"start": "2026-03-01"}) == (datetime(2026, 3, 1, tzinfo=UTC), END_OF_TIME)
    assert hull({"end": "2026"}) == (START_OF_TIME, datetime(2027, 1, 1, tzinfo=UTC))
    assert hull({}) is None
    assert hull({"event": ["2026-03-01", "2026-01"]}) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
    )


def test_an_appointment_is_about_its_patient_actor_and_is_found_by_each_kind_of_actor() -> None:
    tree = json.loads((EXAMPLES / "06-appointment-proposed.json").read_text())
    tree["participant"] = [
        {"actor": {"reference": "Practitioner/d"}, "status": "accepted"},
        {"actor": {"reference": "Patient/p-1"}, "status": "needs-action"},
    ]

    indexed = index(tree, space=SPACE)

    assert indexed.patient_rid == "p-1"
    assert reference_token("Appointment", "practitioner", SPACE, "Practitioner/d") in indexed.tokens
    assert reference_token("Appointment", "patient", SPACE, "Practitioner/d") not in indexed.tokens
    assert token("Appointment", "status", None, "proposed", exact=False) in indexed.tokens


def test_a_task_is_found_by_focus_and_business_status() -> None:
    tree = json.loads((EXAMPLES / "04-task-in-review.json").read_text())
    tree["focus"] = {"reference": "ServiceRequest/o-1"}

    tokens = index(tree, space=SPACE).tokens

    assert reference_token("Task", "focus", SPACE, "ServiceRequest/o-1") in tokens
    assert token("Task", "business-status", None, "in-review", exact=False) in tokens


def test_references_inside_contained_resources_are_named_too() -> None:
    tree = a_condition(
        contained=[{"resourceType": "Observation", "subject": {"reference": "Patient/p-2"}}]
    )

    assert index(tree, space=SPACE).refs == ("Patient/p-1", "Patient/p-2")


def test_a_type_outside_the_table_has_patient_and_references_and_no_tokens() -> None:
    tree: Tree = {"resourceType": "Encounter", "subject": {"reference": "Patient/p-1"}}

    indexed = index(tree, space=SPACE)

    assert (indexed.tokens, indexed.patient_rid, indexed.refs) == ((), "p-1", ("Patient/p-1",))


@pytest.mark.parametrize("rtype", sorted(TABLE))
def test_a_row_of_the_store_has_one_clinical_interval(rtype: str) -> None:
    dates = [name for name, one in TABLE[rtype].items() if one.kind is Kind.DATE]

    assert len(dates) <= 1


@pytest.mark.parametrize("hostile", [None, 3, True, [], {}, "", [[]], [None], {"coding": 3}])
def test_what_has_an_odd_shape_is_indexed_without_a_fault(hostile: object) -> None:
    indexed = index(a_condition(subject=hostile, code=hostile, identifier=hostile), space=SPACE)

    assert indexed.at_from is not None
