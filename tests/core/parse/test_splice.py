"""What came in goes out, but for id, meta and rewritten references."""

import json
from datetime import UTC, datetime

import pytest

from fhir_mappings.parse.splice import splice

_AT = datetime(2026, 11, 25, 9, 12, 31, 204000, tzinfo=UTC)


def test_every_other_byte_stays_as_it_was_received() -> None:
    received = '{ "resourceType":"Observation",\n "valueQuantity":{"value":1.10},"status":"final"}'

    served = splice(received, rid="o1", version=2, at=_AT, references={})

    head = '"id":"o1","meta":{"versionId":"2","lastUpdated":"2026-11-25T09:12:31.204Z"},'
    assert served == received[0] + head + received[1:]


def test_an_id_and_meta_that_were_sent_are_replaced_at_their_place() -> None:
    received = (
        '{"meta" : {"tag":[{"code":"x"}],"versionId":"9"}, "resourceType":"Patient",'
        '"contained":[{"id":"c","meta":{"versionId":"1"}}], "id" : "theirs" }'
    )

    served = splice(received, rid="ours", version=1, at=_AT, references={})

    tree = json.loads(served)
    assert tree["id"] == "ours"
    assert tree["meta"] == {
        "tag": [{"code": "x"}],
        "versionId": "1",
        "lastUpdated": "2026-11-25T09:12:31.204Z",
    }
    assert tree["contained"] == [{"id": "c", "meta": {"versionId": "1"}}]
    assert served.endswith('"id" : "ours" }')


def test_only_reference_members_are_rewritten() -> None:
    received = (
        '{"subject":{"reference":"urn:uuid:1","display":"urn:uuid:1"},'
        '"note":[{"text":"reference: urn:uuid:1, \\"reference\\":\\"urn:uuid:1\\""}],'
        '"focus":{"reference" : "urn:uuid:2"}}'
    )

    served = splice(received, rid="x", version=1, at=_AT, references={"urn:uuid:1": "Patient/7"})

    tree = json.loads(served)
    assert tree["subject"] == {"reference": "Patient/7", "display": "urn:uuid:1"}
    assert tree["note"][0]["text"] == 'reference: urn:uuid:1, "reference":"urn:uuid:1"'
    assert tree["focus"] == {"reference": "urn:uuid:2"}


@pytest.mark.parametrize("head", ["", '"id":"theirs",'], ids=["inserted", "replaced"])
def test_both_ways_of_splicing_write_the_same(head: str) -> None:
    body = (
        '"resourceType":"Task","focus":{"reference" :\n"urn:uuid:1"},"x\\"reference":"urn:uuid:1",'
        '"note":[{"text":"\\"reference\\":\\"urn:uuid:1\\" and \\\\"}],'
        '"input":[{"valueReference":{"reference":"urn:uuid:9"}}]}'
    )

    served = splice("{" + head + body, rid="r", version=3, at=_AT, references={"urn:uuid:1": "A/7"})

    tree = json.loads(served)
    assert tree["id"] == "r"
    assert tree["meta"]["versionId"] == "3"
    assert tree["focus"] == {"reference": "A/7"}
    assert tree['x"reference'] == "urn:uuid:1"
    assert tree["note"][0]["text"] == '"reference":"urn:uuid:1" and \\'
    assert tree["input"][0]["valueReference"] == {"reference": "urn:uuid:9"}
