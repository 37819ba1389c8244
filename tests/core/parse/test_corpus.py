"""What others publish as R4 is taken, and so is all that the protocol shows."""

import json

import pytest

from fhir_mappings.parse import guard
from fhir_mappings.parse.resource import judge
from fhir_mappings.problems import Refused
from tests.kit.corpus import Stored, payload, payloads, public
from tests.kit.r4 import shape


def test_no_public_resource_of_a_type_we_read_is_refused() -> None:
    examples = public()

    refused = {
        one.file: problems[0]
        for one in examples
        if (problems := judge(guard.read(one.body), shape()))
    }

    print(f"public R4 resources judged: {len(examples)}, refused: {len(refused)}")  # noqa: T201 - with -s: the count
    assert refused == {}
    assert len(examples) == 757


@pytest.mark.parametrize("one", payloads(), ids=lambda one: one.file)
def test_payload_of_the_protocol_is_taken(one: Stored) -> None:
    tree = guard.read(one.body)

    problems = judge(tree, shape())

    assert problems == []


@pytest.mark.parametrize("one", payloads(), ids=lambda one: one.file)
def test_slices_are_the_received_bytes_of_each_entry(one: Stored) -> None:
    entries = json.loads(one.body).get("entry", [])

    slices = guard.slices(one.body)

    assert [json.loads(each) if each else None for each in slices] == [
        entry.get("resource") for entry in entries
    ]
    assert all(each in one.body for each in slices)


def test_entry_without_a_resource_keeps_its_place_among_the_slices() -> None:
    body = b'{"entry": [{"fullUrl": "a"}, {"resource": {"n": 1.10, "m" : 1E2}}]}'

    slices = guard.slices(body)

    assert slices == (b"", b'{"n": 1.10, "m" : 1E2}')


@pytest.mark.parametrize("entry", [b"5", b"{}", b"[5]", b'["x"]', b"null"])
def test_entry_that_is_no_array_of_objects_is_refused(entry: bytes) -> None:
    with pytest.raises(Refused) as refused:
        guard.slices(b'{"resourceType": "Bundle", "entry": ' + entry + b"}")

    assert [one.expression for one in refused.value.problems] == ["Bundle.entry"]


def test_white_space_around_a_single_resource_is_not_part_of_it() -> None:
    whole = guard.whole(b'\r\n {"resourceType": "Patient" }\n')

    assert whole == b'{"resourceType": "Patient" }'


def test_referral_reads_the_same_with_and_without_white_space() -> None:
    body = payload("tpi/anticoagulated-referral")
    packed = json.dumps(json.loads(body), separators=(",", ":")).encode()

    assert guard.read(packed) == guard.read(body)
