"""Must-keep members are compared by meaning; a difference is named, never passed over."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.decide.proof import MUST_KEEP, differing, unknown_members

EXAMPLE = Path("tests/data/payloads/examples/09-write-back-procedure.json")
Resource = dict[str, Any]
BATCH = ("contained", 0, "batch")


def sent(rtype: str) -> Resource:
    bundle = json.loads(EXAMPLE.read_text(), parse_float=Decimal)
    found: Resource = next(
        one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == rtype
    )
    return found


def changed(resource: Resource, *path: Any, to: object = None) -> Resource:  # noqa: ANN401 - names and places
    altered = copy.deepcopy(resource)
    inner: Any = altered
    for step in path[:-1]:
        inner = inner[step]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return altered


@pytest.mark.parametrize("rtype", sorted(MUST_KEEP))
def test_what_stands_as_sent_is_equal(rtype: str) -> None:
    assert differing(sent(rtype), sent(rtype)) == ()


@pytest.mark.parametrize("rtype", sorted(MUST_KEEP))
def test_what_servers_add_is_no_difference(rtype: str) -> None:
    there: Resource = sent(rtype) | {
        "id": "p-1",
        "meta": {"versionId": "7", "source": "#x"},
        "text": {"status": "generated", "div": "<div/>"},
        "language": "en",
    }
    there["identifier"] = [{"system": "urn:their-own", "value": "1"}, *there["identifier"]]

    assert differing(sent(rtype), there) == ()


@pytest.mark.parametrize(
    ("rtype", "path", "to"),
    [
        ("Procedure", ("performedPeriod", "start"), "2026-12-03T14:34:00.000Z"),
        ("Procedure", ("bodySite", 0, "coding", 0, "display"), "Structure of trapezius muscle"),
        ("Procedure", ("note", 0, "time"), "2026-12-03T15:00:00Z"),
        ("MedicationAdministration", ("dosage", "dose", "value"), Decimal("2.0")),
        ("MedicationAdministration", ("dosage", "text"), "two millilitres"),
    ],
)
def test_the_same_said_otherwise_is_no_difference(
    rtype: str, path: tuple[Any, ...], to: object
) -> None:
    assert differing(sent(rtype), changed(sent(rtype), *path, to=to)) == ()


@pytest.mark.parametrize(
    ("rtype", "path", "to", "member"),
    [
        ("Procedure", ("performedPeriod", "start"), "2026-12-03T09:34:00", "performed"),
        ("Procedure", ("performedPeriod", "end"), None, "performed"),
        ("Procedure", ("performedPeriod", "start"), "2026-12-03", "performed"),
        ("Procedure", ("bodySite", 0, "text"), "Right upper trapezius", "bodySite"),
        ("Procedure", ("bodySite", 0, "coding", 0, "code"), "1", "bodySite"),
        ("Procedure", ("note", 0, "text"), "cut", "note"),
        ("Procedure", ("code", "text"), "Treatment", "code"),
        ("Procedure", ("basedOn",), [{"reference": "ServiceRequest/other"}], "basedOn"),
        ("Procedure", ("status",), "in-progress", "status"),
        ("Procedure", ("usedCode",), None, "usedCode"),
        (
            "MedicationAdministration",
            (*BATCH, "expirationDate"),
            "2027-05-01",
            "batch.expirationDate",
        ),
        ("MedicationAdministration", (*BATCH, "lotNumber"), None, "batch.lotNumber"),
        ("MedicationAdministration", ("dosage", "dose", "value"), Decimal("0.2"), "dosage.dose"),
        ("MedicationAdministration", ("dosage", "dose", "code"), "L", "dosage.dose"),
        ("MedicationAdministration", ("dosage", "dose", "value"), "2", "dosage.dose"),
        ("MedicationAdministration", ("dosage", "dose", "value"), True, "dosage.dose"),
        (
            "MedicationAdministration",
            ("contained", 0, "code", "coding", 0, "code"),
            "9",
            "medication",
        ),
    ],
)
def test_another_meaning_is_named(
    rtype: str, path: tuple[Any, ...], to: object, member: str
) -> None:
    assert differing(sent(rtype), changed(sent(rtype), *path, to=to)) == (f"{rtype}.{member}",)


def test_a_site_that_nobody_injected_is_a_difference() -> None:
    there = sent("Procedure")
    there["bodySite"] = [*there["bodySite"], {"text": "Neck"}]

    assert differing(sent("Procedure"), there) == ("Procedure.bodySite",)


def test_a_member_that_nobody_sent_is_a_difference() -> None:
    dry = changed(sent("Procedure"), "usedCode")

    assert differing(dry, sent("Procedure")) == ("Procedure.usedCode",)


def test_another_type_of_time_is_a_difference() -> None:
    there = changed(sent("Procedure"), "performedPeriod")
    there["performedDateTime"] = "2026-12-03T09:34:00-05:00"

    assert differing(sent("Procedure"), there) == ("Procedure.performed",)


def test_sites_in_another_order_are_the_same() -> None:
    two = changed(sent("Procedure"), "bodySite", to=[{"text": "Left"}, {"text": "Right"}])
    there = changed(two, "bodySite", to=[{"text": "Right"}, {"text": "Left"}])

    assert differing(two, there) == ()


def test_a_contained_medication_under_another_id_is_followed() -> None:
    there = changed(sent("MedicationAdministration"), "contained", 0, "id", to="m1")
    there["medicationReference"]["reference"] = "#m1"

    assert differing(sent("MedicationAdministration"), there) == ()


def test_a_coding_that_a_server_adds_is_no_difference() -> None:
    there = sent("Procedure")
    there["code"]["coding"] = [{"system": "urn:theirs", "code": "x"}, *there["code"]["coding"]]

    assert differing(sent("Procedure"), there) == ()


def test_a_display_without_a_code_is_compared() -> None:
    said = changed(sent("Procedure"), "usedCode", to=[{"coding": [{"display": "one"}]}])
    there = changed(said, "usedCode", 0, "coding", 0, "display", to="another")

    assert differing(said, there) == ("Procedure.usedCode",)


def test_only_what_a_placer_keeps_is_asked_for() -> None:
    there = changed(sent("Procedure"), "identifier")

    assert differing(sent("Procedure"), there, keeps=("Procedure.status",)) == ()


def test_a_placer_that_keeps_nothing_of_a_type_is_asked_for_all() -> None:
    there = changed(sent("Procedure"), "status", to="in-progress")

    assert differing(sent("Procedure"), there, keeps=("MedicationAdministration.status",)) == (
        "Procedure.status",
    )


def test_a_registration_names_only_members_there_are() -> None:
    assert unknown_members(("Procedure.status", "procedure.status")) == ("procedure.status",)
    assert unknown_members(()) == ()


def test_another_type_of_resource_is_a_difference() -> None:
    assert differing(sent("Procedure"), {"resourceType": "OperationOutcome"}) == (
        "Procedure.resourceType",
    )
    assert differing(sent("Procedure"), {}) == ("Procedure.resourceType",)
