"""A visit is read from its resources: what came of it, when, by whom, with which lots."""

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fhir_mappings.model.visit import Visit, VisitState
from fhir_mappings.parse import guard
from fhir_mappings.parse.bundle import entries
from fhir_mappings.parse.visit import content, visit
from fhir_mappings.problems import Refused
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from fhir_mappings.terms.systems import NOT_PERFORMED_REASON

BASE = "https://clinic.example/fhir"
EXAMPLE = Path("tests/data/payloads/examples/17-visit.json")
Bundle = dict[str, Any]


def example() -> Bundle:
    found: Bundle = json.loads(EXAMPLE.read_text())
    return found


def read(bundle: Bundle) -> Visit:
    body = json.dumps(bundle).encode()
    first, *others = entries(guard.read(body), guard.slices(body), types=RESOURCE_TYPES)
    return visit(first, tuple(others), base=BASE)


def digest(bundle: Bundle) -> bytes:
    return content(read(bundle), bundle["entry"][0]["fullUrl"])


def test_the_example_is_a_performed_visit() -> None:
    found = read(example())

    assert found.id == UUID("0199c3e0-2b10-7d44-8c00-7f0e1a2b3c01")
    assert found.state is VisitState.PERFORMED
    assert found.order_rid == "0199a1c0-5b1e-7c3a-9f10-3a5f0c7d2e13"
    assert found.appointment_rid == "0199a1d3-77aa-7b02-8a01-6b1f0d2c3a01"
    assert found.performers == ("0199a0aa-1111-7222-8333-44445555a001",)
    assert found.locations == ("0199a0aa-1111-7222-8333-44445555b001",)
    assert [(one.number, one.last_day) for one in found.lots] == [("L-0417", date(2027, 5, 31))]
    assert found.places == ("Bundle.entry[0].resource", "Bundle.entry[1].resource")


@pytest.mark.parametrize(
    ("expiry", "last_day"),
    [
        ("2028-02", date(2028, 2, 29)),
        ("2027", date(2027, 12, 31)),
        ("2027-05-03", date(2027, 5, 3)),
    ],
)
def test_a_partial_expiry_is_good_until_the_end_of_what_it_can_mean(
    expiry: str, last_day: date
) -> None:
    bundle = example()
    bundle["entry"][1]["resource"]["contained"][0]["batch"]["expirationDate"] = expiry

    assert read(bundle).lots[0].last_day == last_day


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("stopped", "other", VisitState.PARTLY),
        ("not-done", "patient-unwell", VisitState.NOT_PERFORMED),
        ("not-done", "try-again", VisitState.TRY_AGAIN),
        ("stopped", "try-again", VisitState.PARTLY),
    ],
)
def test_status_and_reason_say_what_came_of_it(status: str, code: str, state: VisitState) -> None:
    bundle = example()
    procedure = bundle["entry"][0]["resource"]
    procedure["status"] = status
    procedure["statusReason"] = {"coding": [{"system": NOT_PERFORMED_REASON, "code": code}]}
    if status == "not-done":
        del bundle["entry"][1:]

    assert read(bundle).state is state


def test_all_faults_come_at_once_in_their_places() -> None:
    bundle = example()
    for member in ("basedOn", "performer", "bodySite"):
        del bundle["entry"][0]["resource"][member]
    del bundle["entry"][1]["resource"]["partOf"]

    with pytest.raises(Refused) as refused:
        read(bundle)

    assert {one.expression for one in refused.value.problems} == {
        "Bundle.entry[0].resource.basedOn",
        "Bundle.entry[0].resource.performer.actor",
        "Bundle.entry[0].resource.bodySite",
        "Bundle.entry[1].resource.partOf",
    }


def test_nothing_done_gives_no_dose() -> None:
    bundle = example()
    procedure = bundle["entry"][0]["resource"]
    procedure |= {"status": "not-done", "statusReason": {"text": "Unwell"}}

    with pytest.raises(Refused) as refused:
        read(bundle)

    assert [one.expression for one in refused.value.problems] == ["Bundle.entry[1].resource.status"]


def test_the_same_visit_sent_again_says_the_same() -> None:
    again = json.loads(EXAMPLE.read_text().replace("5a0f2c1e", "99999999"))
    other = copy.deepcopy(example())
    other["entry"][1]["resource"]["dosage"]["dose"]["value"] = 3

    assert digest(again) == digest(example())
    assert digest(other) != digest(example())


def test_absolute_references_below_our_base_are_ours_and_others_are_not() -> None:
    ours, theirs = example(), example()
    order = "ServiceRequest/0199a1c0-5b1e-7c3a-9f10-3a5f0c7d2e13"
    ours["entry"][0]["resource"]["basedOn"] = [{"reference": f"{BASE}/{order}"}]
    theirs["entry"][0]["resource"]["basedOn"] = [{"reference": f"https://other.example/{order}"}]

    assert read(ours).order_rid == order.partition("/")[2]
    with pytest.raises(Refused):
        read(theirs)
