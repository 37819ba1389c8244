"""fhir.resources as the second reader: it never sees a fault that the schema let pass."""

import random
from collections.abc import Callable
from decimal import Decimal

import pytest

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.parse import guard
from fhir_mappings.parse.nested import resources
from fhir_mappings.parse.resource import judge
from fhir_mappings.parse.second_reader import explain
from fhir_mappings.terms.r4_names import READ_TYPES
from tests.kit.corpus import Stored, payloads, public
from tests.kit.r4 import shape


def is_read_wholly(body: bytes) -> bool:
    return all(one.get("resourceType") in READ_TYPES for _, one in resources(guard.read(body)))


SMALL = [one for one in public() if len(one.body) < 20_000 and is_read_wholly(one.body)]


def wrong(value: Json) -> Json:
    """Return a value of another JSON type."""
    if isinstance(value, str):
        return {"x": value}
    return "x" if isinstance(value, (dict, bool, int, Decimal)) else {}


CHANGES: dict[str, Callable[[Tree, str], None]] = {
    "drop": lambda node, name: node.__delitem__(name),
    "other type": lambda node, name: node.update({name: wrong(node[name])}),
    "one more": lambda node, name: node.update({f"{name}X": node[name]}),
    "in an array": lambda node, name: node.update({name: [node[name]]}),
    "out of its array": lambda node, name: node.update(
        {name: value[0] if isinstance(value := node[name], list) else value}
    ),
    "null": lambda node, name: node.update({name: None}),
}


def objects(value: Json) -> list[Tree]:
    if isinstance(value, dict):
        return [value, *(inner for each in value.values() for inner in objects(each))]
    return [inner for each in value for inner in objects(each)] if isinstance(value, list) else []


def changed(body: bytes, seed: int) -> Tree:
    chance = random.Random(seed)  # noqa: S311 - the same changes in every run
    tree = guard.read(body)
    node = chance.choice([each for each in objects(tree) if set(each) - {"resourceType"}])
    name = chance.choice(sorted(set(node) - {"resourceType"}))
    CHANGES[chance.choice(sorted(CHANGES))](node, name)
    return tree


@pytest.mark.parametrize("seed", range(400))
def test_what_the_second_reader_refuses_is_refused(seed: int) -> None:
    tree = changed(random.Random(seed).choice(SMALL).body, seed)  # noqa: S311 - as above

    second = explain(tree)

    assert not second or judge(tree, shape())


@pytest.mark.parametrize("one", payloads(), ids=lambda one: one.file)
def test_payload_of_the_protocol_is_taken_by_the_second_reader(one: Stored) -> None:
    assert explain(guard.read(one.body)) == []


def quantity(value: Json) -> Tree:
    return {"resourceType": "Observation", "valueQuantity": {"value": value}}


def containing(rtype: Json) -> Tree:
    return {"resourceType": "Patient", "contained": [{"resourceType": rtype}]}


@pytest.mark.parametrize(
    ("tree", "code", "expression"),
    [
        ({"resourceType": "Patient", "Jane Roe": 1}, "unknown-element", "Patient"),
        ({"resourceType": "Patient", "name": {"family": "x"}}, "cardinality", "Patient.name"),
        ({"resourceType": "Flag", "status": "active"}, "required", "Flag.code"),
        (quantity("x"), "value-format", "Observation.value.value"),
        (containing("Jane Roe"), "unknown-type", "Patient.contained[0]"),
        (containing(5), "unknown-type", "Patient.contained[0]"),
        ({"resourceType": "Jane Roe"}, "unknown-type", "Resource"),
    ],
)
def test_explains_by_code_and_place_and_never_by_value(
    tree: Tree, code: str, expression: str
) -> None:
    problems = explain(tree)

    assert (code, expression) in [(one.code.value, one.expression) for one in problems]
    assert "Jane" not in repr(problems) + "".join(one.sentence for one in problems)


@pytest.mark.parametrize(
    "tree",
    [
        {"resourceType": "Encounter", "x": 1},
        {"resourceType": "Patient", "extension": [{"url": "a", "valueMeta": {"source": "x"}}]},
        containing("MedicinalProduct"),
    ],
)
def test_has_nothing_to_say_where_its_models_are_not_r4(tree: Tree) -> None:
    assert explain(tree) == []
