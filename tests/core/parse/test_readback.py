"""A placer's answers are claims of a stranger: read strictly, and no address is followed."""

import json

import pytest

from fhir_mappings.model.json import Identity
from fhir_mappings.model.writeback import Answer, Away, Found
from fhir_mappings.parse.readback import (
    created,
    found,
    not_supported,
    placed,
    stands,
    stood,
    transacted,
    tree_of,
    version_of,
)

BASE = "https://ehr.example/fhir"
SYSTEM, VALUE = "https://tpi-intake.example/fhir/sid/visit", "0199c3e0"
WANTED = Identity(rtype="Procedure", rid="12")


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, body=raw, **headers)


@pytest.mark.parametrize(
    "address",
    [
        "Procedure/12",
        "Procedure/12/_history/3",
        "./Procedure/12",
        f"{BASE}/Procedure/12",
        f"{BASE}/Procedure/12/_history/a-b",
        "https://EHR.example:443/fhir/Procedure/12",
    ],
)
def test_a_place_under_the_base_is_read(address: str) -> None:
    assert placed(address, BASE) == WANTED


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/fhir/Procedure/12",
        "http://ehr.example/fhir/Procedure/12",
        "https://ehr.example:8443/fhir/Procedure/12",
        "https://ehr.example.evil.test/fhir/Procedure/12",
        "https://ehr.example@evil.test/fhir/Procedure/12",
        "https://user@ehr.example/fhir/Procedure/12",
        "https://ehr.example/fhirish/Procedure/12",
        "https://ehr.example/fhir/../Procedure/12",
        "https://ehr.example/fhir/Procedure/12?x=1",
        "https://ehr.example/fhir/Procedure/12#x",
        "https://ehr.example:x/fhir/Procedure/12",
        "//evil.test/fhir/Procedure/12",
        "Procedure/12/../../admin",
        "Procedure/12/extra",
        "procedure/12",
        f"Procedure/{'x' * 65}",
        "urn:uuid:0199c3e0-2b10-7d44-8c00-7f0e1a2b3c01",
    ],
)
def test_a_place_anywhere_else_is_none(address: str) -> None:
    assert placed(address, BASE) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b'{"resourceType":"Procedure"',
        b'["Procedure"]',
        b'{"id":"12","id":"13"}',
        b"\xff\xfe{}",
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
def test_what_cannot_be_read_is_an_empty_tree(body: bytes) -> None:
    assert tree_of(answer(body)) == {}
    assert tree_of(Away(why="time-out", reached=True)) == {}


def test_the_resource_read_is_the_one_asked_for() -> None:
    resource = {"resourceType": "Procedure", "id": "12"}

    assert stands(answer(resource), BASE, WANTED) == resource
    assert stands(answer({**resource, "id": "13"}), BASE, WANTED) == {}
    assert stands(answer({**resource, "resourceType": "Patient"}), BASE, WANTED) == {}


def test_references_below_the_base_become_relative_and_others_stay() -> None:
    body = {
        "resourceType": "Procedure",
        "id": "12",
        "subject": {"reference": f"{BASE}/Patient/1"},
        "basedOn": [{"reference": "https://other.example/ServiceRequest/1"}],
    }

    tree = stands(answer(body), BASE, WANTED)

    assert tree["subject"] == {"reference": "Patient/1"}
    assert tree["basedOn"] == [{"reference": "https://other.example/ServiceRequest/1"}]


@pytest.mark.parametrize("etag", ['W/"7"', '"7"', "7", ' W/"7" '])
def test_a_version_is_read_in_any_form(etag: str) -> None:
    assert version_of(answer({}, etag=etag), {}) == "7"


def test_the_version_of_the_resource_comes_before_the_header() -> None:
    tree = tree_of(answer({"meta": {"versionId": "a-b"}}))

    assert version_of(answer({}, etag='W/"7"'), tree) == "a-b"


def test_a_proof_keeps_place_version_and_the_digest_of_the_bytes() -> None:
    reply = answer(b'{"resourceType":"Procedure","id":"12"}', etag='W/"2"')

    kept = stood(reply, tree_of(reply), WANTED)

    assert (kept.reference, kept.version) == ("Procedure/12", "2")
    assert len(bytes.fromhex(kept.digest)) == 32


def test_a_create_says_its_place_by_location_or_body() -> None:
    body = {"resourceType": "Procedure", "id": "12"}

    assert created(answer({}, 201, location=f"{BASE}/Procedure/12"), BASE, "Procedure") == WANTED
    assert created(answer(body, 201), BASE, "Procedure") == WANTED
    elsewhere = "https://evil.test/fhir/Procedure/13"
    assert created(answer(body, 201, location=elsewhere), BASE, "Procedure") == WANTED
    assert created(answer({}, 201, location="Patient/12"), BASE, "Procedure") is None
    assert created(answer({}, 201), BASE, "Procedure") is None


def test_a_transactions_answer_says_each_place_in_order() -> None:
    entries = [
        {"response": {"location": "Procedure/12/_history/1"}},
        {"response": {"status": "201"}},
        {"resource": {"resourceType": "Procedure", "id": "13"}},
    ]
    body = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}

    places = transacted(answer(body), BASE)

    assert places == (WANTED, None, Identity(rtype="Procedure", rid="13"))
    assert transacted(answer({"resourceType": "Bundle", "type": "searchset"}), BASE) == ()


def searchset(*resources: dict[str, object], mode: str = "match") -> Answer:
    entries = [{"resource": one, "search": {"mode": mode}} for one in resources]
    return answer({"resourceType": "Bundle", "type": "searchset", "entry": entries})


def a_procedure(rid: str, value: str = VALUE, at: str = "2026-11-25") -> dict[str, object]:
    return {
        "resourceType": "Procedure",
        "id": rid,
        "meta": {"lastUpdated": f"{at}T12:00:00Z"},
        "identifier": [{"system": SYSTEM, "value": value}],
    }


def look(reply: Answer) -> Found | None:
    return found(reply, BASE, "Procedure", system=SYSTEM, value=VALUE)


def test_what_carries_our_identifier_is_found_oldest_first() -> None:
    reply = searchset(a_procedure("2", at="2026-11-26"), a_procedure("1", at="2026-11-25"))

    assert look(reply) == Found(references=("Procedure/1", "Procedure/2"))


def test_a_server_that_ignored_the_question_is_not_believed() -> None:
    assert look(searchset(a_procedure("1", value="another"))) == Found(references=(), honest=False)


def test_included_and_outcome_entries_are_no_matches() -> None:
    assert look(searchset(a_procedure("1"), mode="include")) == Found(references=())
    assert look(searchset({"resourceType": "OperationOutcome"})) == Found(references=())


def test_an_answer_that_is_no_searchset_is_none() -> None:
    assert look(answer(b"<html/>")) is None
    assert look(answer({"resourceType": "OperationOutcome"})) is None


def test_a_server_says_not_supported_in_its_own_words() -> None:
    body = {"resourceType": "OperationOutcome", "issue": [{"code": "not-supported"}]}

    assert not_supported(answer(body, 400))
    assert not not_supported(answer(body, 200))
    assert not not_supported(answer({"issue": [{"code": "invalid"}]}, 400))
    assert not not_supported(Away(why="refused", reached=False))
