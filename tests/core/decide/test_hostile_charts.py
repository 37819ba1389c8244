"""Hostile input: shapes that no schema let through, and texts made to cost much."""

import time
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_mappings.model.finding import Outcome
from tests.kit.charts import DATA, EXAMPLES, read_json, screened_case, the_pack

IDENTITY = {"resourceType", "id"}
MEMBERS = read_json(DATA / "clinical" / "members.json")
ADDED = [
    one
    for case in (*EXAMPLES["cases"], *MEMBERS["cases"])
    for one in case["add"]
    if len(one) > len(IDENTITY)
]

ORDERED = sorted(EXAMPLES["base"]["order"].keys() - IDENTITY)

leaf = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals()
junk = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """Take an entry of the examples and put junk at a random place of it."""
    whole: dict[str, Any] = dict(draw(st.sampled_from(ADDED)))
    key = draw(st.sampled_from([name for name in whole if name not in IDENTITY]))
    inside: Any = whole[key]
    if isinstance(inside, dict) and draw(st.booleans()):
        held = cast("dict[str, object]", inside)
        name = draw(st.sampled_from([*sorted(held), "more"]))
        return {**whole, key: {**held, name: draw(junk)}}
    if isinstance(inside, list) and draw(st.booleans()):
        return {**whole, key: [*cast("list[object]", inside), draw(junk)]}
    return {**whole, key: draw(junk)}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(entry=spoilt())
def test_no_shape_of_an_entry_makes_the_screening_fall(entry: dict[str, Any]) -> None:
    screening = screened_case({"add": [{**entry, "id": "spoilt"}]})

    assert screening.rules_checked == len(the_pack().content.rules)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1E+400", "-1E+400", "-5", "1E-400", "9" * 15]
)
@pytest.mark.parametrize("unit", ["a", "mo", "wk", "d", "min", "years", "furlongs"])
def test_no_number_makes_the_screening_fall(number: str, unit: str) -> None:
    quantity = {"value": Decimal(number), "unit": unit}
    supply = {"expectedSupplyDuration": quantity, "numberOfRepeatsAllowed": quantity["value"]}
    bounded = {"timing": {"repeat": {"boundsDuration": quantity}}}
    kinds = {
        "Condition": {"onsetAge": quantity, "abatementAge": quantity},
        "Procedure": {"performedAge": quantity},
        "Observation": {"valueQuantity": quantity},
        "MedicationDispense": {"status": "completed", "daysSupply": quantity},
        "MedicationRequest": {
            "status": "completed",
            "authoredOn": "2026-11-01",
            "dispenseRequest": supply,
            "dosageInstruction": [bounded],
        },
    }
    added = [{"resourceType": kind, "id": kind, **held} for kind, held in kinds.items()]

    screening = screened_case({"add": added})

    assert not any(
        one.path.endswith(".rule") for held in screening.findings for one in held.evidence
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=junk, name=st.sampled_from(ORDERED))
def test_no_shape_of_an_order_makes_the_screening_fall(name: str, value: object) -> None:
    screening = screened_case({"order": {name: value}})

    assert screening.rules_checked == len(the_pack().content.rules)


def hostile(kind: str, size: int) -> list[dict[str, str]]:
    """Write notes of so many bytes in all, each as long as is read of one text."""
    texts = the_pack().texts
    stems = " ".join(one for held in texts.patterns.values() for one in held.stems or ())
    hints = " ".join(one for held in texts.hints.words.values() for one in held)
    drug = next(iter(texts.patterns.values())).stems or ("",)
    parts = {
        "stems": stems,
        "hints": f"{hints} {drug[-1]} ",
        "denials": f"no {drug[-1]}, ",
        "one word": drug[-1],
        "spaces": " " * 500 + drug[-1],
        "stops": "." * 500 + drug[-1],
    }
    limit = the_pack().content.limits.text_bytes
    whole = parts[kind] * (size // len(parts[kind]) + 2)
    pieces = [whole[at : at + limit - 8] for at in range(0, size, limit)]
    return [{"text": f"{index} {one}"} for index, one in enumerate(pieces)]


def seconds(notes: list[dict[str, str]]) -> float:
    begun = time.process_time()
    screened_case({"order": {"note": notes}})
    return time.process_time() - begun


@pytest.mark.parametrize("kind", ["stems", "hints", "denials", "one word", "spaces", "stops"])
def test_the_cost_of_the_worst_text_has_a_bound(kind: str) -> None:
    limit = the_pack().content.limits.referral_text_bytes
    seconds(hostile(kind, limit // 2))

    half = min(seconds(hostile(kind, limit // 2)) for _ in range(2))
    whole = min(seconds(hostile(kind, limit)) for _ in range(2))
    beyond = min(seconds(hostile(kind, limit * 2)) for _ in range(2))

    assert whole < 4 * half + 0.05
    assert beyond < 2 * whole + 0.05
    assert whole < 3


def test_text_beyond_what_is_read_is_told() -> None:
    limit = the_pack().content.limits.referral_text_bytes

    screening = screened_case({"order": {"note": hostile("stops", limit * 2)}})

    assert screening.outcome != Outcome.CLEAR
