"""The shipped schema: whole, in step with the names, and cheap to refuse by."""

import json
import time
from importlib.resources import files

import pytest

from fhir_mappings.model.json import Json, Tree, encode, items, members
from fhir_mappings.parse import guard
from fhir_mappings.parse.resource import judge
from fhir_mappings.terms.r4_names import CHOICES, ELEMENTS, READ_TYPES
from tests.kit.r4 import shape

SCHEMA: Tree = json.loads(files("service.content.r4").joinpath("schema.json").read_text())
DEFINITIONS = members(SCHEMA["$defs"])


def test_schema_has_a_definition_for_each_type_that_is_read() -> None:
    served = members(members(SCHEMA["items"])["properties"])

    assert set(served) == READ_TYPES
    assert set(DEFINITIONS) > READ_TYPES


def test_every_member_of_the_schema_is_a_name_that_a_refusal_may_repeat() -> None:
    names = {
        name.removeprefix("_")
        for definition in DEFINITIONS.values()
        for name in members(members(definition).get("properties"))
    }

    assert names <= ELEMENTS
    assert set(CHOICES) | set(CHOICES.values()) <= ELEMENTS


def test_every_complex_type_refuses_unknown_members_and_emptiness() -> None:
    objects = [
        members(one)
        for one in DEFINITIONS.values()
        if members(one).get("type") in ("object", ["object", "null"])
    ]

    assert len(objects) > 140
    assert all(one["additionalProperties"] is False for one in objects)
    assert all(one["minProperties"] == 1 for one in objects)


def test_every_required_value_set_of_the_types_that_are_read_is_closed() -> None:
    sets = {name: one for name, one in DEFINITIONS.items() if name.startswith("set.")}

    assert len(sets) > 60
    assert all(items(members(one)["enum"]) for one in sets.values())


def test_schema_is_package_data_below_one_megabyte() -> None:
    assert len(files("service.content.r4").joinpath("schema.json").read_bytes()) < 1_000_000


def photo(data: str) -> dict[str, Json]:
    return {"photo": [{"contentType": "image/png", "data": data}]}


def many(value: Json, count: int) -> list[Json]:
    return [value] * count


EMPTY = many({}, 900)
TWO_VALUES: Json = {"url": "a", "valueCode": "x", "valueId": "y"}
HOSTILE: dict[str, dict[str, Json]] = {
    "empty objects": {"extension": EMPTY},
    "many empty objects": {"name": many({"extension": EMPTY}, 20)},
    "two values": {"extension": many(TWO_VALUES, 1_000)},
    "objects of nobody": {"extension": many({"a": {"b": {"c": 1}}}, 1_000)},
    "members of nobody": {f"k{number}": 1 for number in range(49_000)},
    "nulls": {"name": many({"given": many(None, 900)}, 40)},
    "a long text for a code": {"gender": "x" * 60_000},
    "blanks in a code": {"language": "a " * 30_000},
    "a long reference": {"managingOrganization": {"reference": "Patient/" * 250 + "1"}},
    "base64 that fails at its end": photo("A" * 1_390_000 + "*"),
    "blanks in base64": photo(" " * 1_000_000 + "*"),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_body_is_refused_in_time(hostile: dict[str, Json]) -> None:
    tree = guard.read(encode({"resourceType": "Patient", **hostile}))
    started = time.process_time()

    problems = judge(tree, shape())

    assert problems
    assert time.process_time() - started < 0.5


def test_faults_of_the_schema_alone_have_their_place() -> None:
    tree: dict[str, Json] = {"resourceType": "Patient", "gender": "x"}

    problems = shape().faults(tree, "Bundle.entry[2].resource")

    assert [one.expression for one in problems] == ["Bundle.entry[2].resource.gender"]
