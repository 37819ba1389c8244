"""All faults at once, in document order, by place and never by value."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings.model.json import Json, Tree, encode
from fhir_mappings.parse import checks, guard
from fhir_mappings.parse.resource import judge, judge_bundle
from fhir_mappings.problems import TABLE, Kind, Refused
from fhir_mappings.terms.r4_names import READ_TYPES, RESOURCE_TYPES
from tests.kit.corpus import payload, public
from tests.kit.r4 import judged, shape

CANARY = "Zanzibaria Quux"
SMALL = [one for one in public() if len(one.body) < 8_000]


def places(tree: Tree, at: str = "") -> list[str]:
    return [one.expression for one in judge(tree, shape(), at)]


def test_faults_of_schema_and_checks_come_in_document_order() -> None:
    tree: Tree = {
        "resourceType": "ServiceRequest",
        "id": "",
        "status": "bogus",
        "note": [{"text": " "}, {"text": 1}],
        "subject": {"reference": "#nope"},
        "occurrencePeriod": {"start": "2027", "end": "2026"},
        "code": {},
    }

    assert places(tree) == [
        "ServiceRequest.intent",
        "ServiceRequest.id",
        "ServiceRequest.status",
        "ServiceRequest.note[0].text",
        "ServiceRequest.note[1].text",
        "ServiceRequest.subject",
        "ServiceRequest.occurrence",
        "ServiceRequest.code",
    ]


def test_place_given_stands_before_every_expression() -> None:
    tree: Tree = {"resourceType": "Patient", "gender": "x", "name": [{"use": "x"}]}

    assert places(tree, "Bundle.entry[2].resource") == [
        "Bundle.entry[2].resource.gender",
        "Bundle.entry[2].resource.name[0].use",
    ]


def test_at_most_fifty_faults_are_listed() -> None:
    names: list[Json] = [{"use": "x"} for _ in range(200)]

    problems = judge({"resourceType": "Patient", "name": names}, shape())

    assert len(problems) == 50
    assert problems[49].expression == "Patient.name[49].use"


@pytest.mark.parametrize(
    ("tree", "code", "expression"),
    [
        ({"resourceType": "Patient"}, "wrong-type", "ServiceRequest"),
        ({"resourceType": CANARY}, "wrong-type", "ServiceRequest"),
        ({}, "empty-value", "Resource"),
        ({"id": "x"}, "unknown-type", "Resource"),
    ],
)
def test_type_must_be_that_of_the_address(tree: Tree, code: str, expression: str) -> None:
    problems = judge(tree, shape(), expect_type="ServiceRequest")

    assert [(one.code.value, one.expression) for one in problems] == [(code, expression)]


def test_a_bundle_is_judged_with_all_its_entries() -> None:
    tree = guard.read(payload("tpi/clean-referral"))
    entries = tree["entry"]
    assert isinstance(entries, list)
    entries[1] = {"fullUrl": "urn:uuid:1", "request": {"method": "POST", "url": "Patient"}}
    entries.append({"resource": "x", "request": {"method": "FETCH", "url": "Patient"}})

    problems = judge_bundle(tree, shape())

    last = f"Bundle.entry[{len(entries) - 1}]"
    assert [(one.code.value, one.expression) for one in problems] == [
        ("value-type", f"{last}.resource"),
        ("required-binding", f"{last}.request.method"),
    ]


def test_only_a_bundle_is_judged_as_one() -> None:
    problems = judge_bundle({"resourceType": "Patient"}, shape())

    assert [one.code.value for one in problems] == ["wrong-type"]


def test_each_type_that_is_read_is_judged_and_each_other_type_passes() -> None:
    read = {name for name in RESOURCE_TYPES if judged({"resourceType": name, "foo": 1})}

    assert read == READ_TYPES
    assert (len(READ_TYPES), len(RESOURCE_TYPES)) == (36, 146)


def test_what_is_stored_unread_holds_no_empty_value_either() -> None:
    problems = judged({"resourceType": "Encounter", "x": [], "contained": [{"y": None}]})

    assert {code for code, _, _ in problems} == {"empty-value", "unknown-type"}


def test_checks_alone_tell_their_faults_with_a_place() -> None:
    found = checks.faults(
        {"resourceType": "Patient", "name": [{"family": " "}]}, "Bundle.entry[0].resource"
    )

    assert [one.expression for one in found] == ["Bundle.entry[0].resource.name[0].family"]


def with_canary(tree: Json, chance: random.Random) -> Json:
    """Return the tree with the canary for some values and some member names."""
    if isinstance(tree, dict):
        return {
            (CANARY if chance.random() < 0.05 and name != "resourceType" else name): (
                CANARY if chance.random() < 0.1 else with_canary(value, chance)
            )
            for name, value in tree.items()
        }
    if isinstance(tree, list):
        return [CANARY if chance.random() < 0.1 else with_canary(each, chance) for each in tree]
    return tree


@pytest.mark.parametrize("seed", range(150))
def test_no_problem_tells_a_value_or_a_name_of_the_sender(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same changes in every run
    tree = with_canary(guard.read(chance.choice(SMALL).body), chance)
    assert isinstance(tree, dict)

    problems = judge(tree, shape())

    said = repr(problems) + "".join(one.sentence for one in problems)
    assert CANARY not in said
    assert all(one.row.kind in {Kind.MALFORMED, Kind.UNPROCESSABLE} for one in problems)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"{CANARY}":1,"{CANARY}":2}}',
        f'{{"{CANARY}":{{"a":1,"a":2}}}}',
        f'{{"{CANARY}":NaN,"x":"{CANARY}\\u0000"}}',
        f'{{"{CANARY}":{"[" * 40}"{CANARY}"{"]" * 40}}}',
        f'{{"display":"{CANARY * 100}"}}',
        f'{{"resourceType":"{CANARY}","id":"\\b"}}',
        f'{{"{CANARY}":',
        f'{{"{CANARY}\x00":1}}',
    ],
)
def test_the_guard_tells_no_value_or_name_of_the_sender_either(body: str) -> None:
    with pytest.raises(Refused) as refused:
        guard.read(body.encode())

    said = repr(refused.value) + repr(refused.value.problems)
    assert CANARY not in said
    assert refused.value.__cause__ is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(sorted(READ_TYPES)[:3]) | st.text(max_size=6), inner, max_size=4
        )
    ),
    max_leaves=25,
)
MEMBERS = ["contained", "entry", "parameter", "name", "_name", "extension", "subject", "status"]


@settings(max_examples=300, deadline=None)
@given(
    rtype=st.sampled_from(sorted(READ_TYPES)),
    members=st.dictionaries(st.sampled_from(MEMBERS), json_values, max_size=5),
)
def test_any_json_of_a_type_that_is_read_is_judged(rtype: str, members: dict[str, Json]) -> None:
    tree: Tree = {"resourceType": rtype, **members}

    problems = judge(tree, shape())

    assert all(one.code in TABLE and one.expression.startswith(rtype) for one in problems)


def test_judging_leaves_the_tree_as_it_was() -> None:
    tree = guard.read(payload("tpi/clean-referral"))
    before = encode(tree)

    judge(tree, shape())

    assert encode(tree) == before
    assert json.loads(before)["resourceType"] == "Bundle"
