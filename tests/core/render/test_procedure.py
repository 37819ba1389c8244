"""A visit as the placer's server takes it: its references, our identifiers, and it all in words."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from fhir_mappings.model.json import Tree, items, members, text
from fhir_mappings.model.visit import There
from fhir_mappings.render import procedure
from fhir_mappings.render.elsewhere import naming
from fhir_mappings.terms.systems import EXT_APPOINTMENT, SID_VISIT, SID_VISIT_DOSE

EXAMPLE = Path("tests/data/payloads/examples/17-visit.json")
VISIT = UUID("0199c3e0-2b10-7d44-8c00-7f0e1a2b3c01")
WHO = "Practitioner/0199a0aa-1111-7222-8333-44445555a001"
PLACE = There(
    subject="Patient/p-1",
    order="ServiceRequest/sr-1",
    order_identifier=("urn:order", "ORD-1"),
    named={WHO: {"display": "Treating Clinician"}},
)


def stored() -> tuple[Tree, ...]:
    bundle: dict[str, Any] = json.loads(EXAMPLE.read_text(), parse_float=Decimal)
    first, dose = [one["resource"] for one in bundle["entry"]]
    return procedure.identified(first, (dose, dose), VISIT)


def test_a_visit_and_its_doses_carry_our_identifiers_in_order() -> None:
    assert [procedure.identifier_of(one) for one in stored()] == [
        (SID_VISIT, str(VISIT)),
        (SID_VISIT_DOSE, f"{VISIT}.1"),
        (SID_VISIT_DOSE, f"{VISIT}.2"),
    ]
    assert [procedure.dose_number(one) for one in stored()[1:]] == [1, 2]
    assert {procedure.visit_of(one) for one in stored()} == {str(VISIT)}


def test_references_are_those_of_the_placers_server() -> None:
    first, dose, _ = procedure.there(stored(), PLACE, "Procedure/12")

    assert first["subject"] == dose["subject"] == {"reference": "Patient/p-1"}
    assert first["basedOn"] == [{"reference": "ServiceRequest/sr-1"}]
    assert dose["partOf"] == [{"reference": "Procedure/12"}]
    assert dose["medicationReference"] == {"reference": "#agent"}


def test_what_is_ours_has_no_address_there() -> None:
    first, *_ = procedure.there(stored(), PLACE, "Procedure/12")
    (performer,) = items(first["performer"])

    assert members(performer)["actor"] == {"display": "Treating Clinician"}
    assert first["location"] == {"display": "Location"}
    assert EXT_APPOINTMENT not in str(first)


def test_an_order_that_is_not_there_is_named_by_its_identifier() -> None:
    unknown = There(
        subject="Patient/p-1", order="", order_identifier=("urn:order", "ORD-1"), named={}
    )
    first, *_ = procedure.there(stored(), unknown, "Procedure/12")

    assert first["basedOn"] == [{"identifier": {"system": "urn:order", "value": "ORD-1"}}]


def test_the_note_says_the_whole_visit_and_ends_with_its_id() -> None:
    words = procedure.in_words(stored(), str(VISIT))

    assert words.startswith(
        "Trigger point injection, one or two muscles. Site: Left upper trapezius"
    )
    assert "2 mL into Left upper trapezius, lot L-0417, exp 2027-05" in words
    assert "Consent given" in words
    assert words.endswith(f". tpi-intake visit {VISIT}")


def test_a_transaction_creates_each_unless_it_stands() -> None:
    trees = procedure.there(stored(), PLACE, procedure.urn(stored()[0]))
    entries = [members(one) for one in items(procedure.transaction(trees)["entry"])]

    assert [text(one, "request", "ifNoneExist") for one in entries] == [
        f"identifier={SID_VISIT}|{VISIT}",
        f"identifier={SID_VISIT_DOSE}|{VISIT}.1",
        f"identifier={SID_VISIT_DOSE}|{VISIT}.2",
    ]
    urls = [text(one, "fullUrl") for one in entries]
    assert len(set(urls)) == 3
    assert text(items(members(entries[1]["resource"])["partOf"])[0], "reference") == urls[0]


def test_a_person_is_named_as_people_say_it() -> None:
    person: Tree = {
        "resourceType": "Practitioner",
        "identifier": [{"system": "urn:npi", "value": "1"}],
        "name": [{"given": ["Synthetic"], "family": "Clinician"}],
    }

    assert naming(person) == {
        "identifier": {"system": "urn:npi", "value": "1"},
        "display": "Synthetic Clinician",
    }
    assert naming({"resourceType": "Location", "name": "Room 2"}) == {"display": "Room 2"}
    assert naming({"resourceType": "Condition"}) == {"display": "Condition"}
