"""The worked examples of the clinical content, a case for each member, and what is never clear."""

from datetime import date
from typing import Any

import pytest

from fhir_mappings.decide.screening import screen
from fhir_mappings.parse.facts import read
from tests.kit.charts import (
    DATA,
    EXAMPLES,
    findings,
    of_bundle,
    read_json,
    screened_case,
    the_pack,
)

MEMBERS = read_json(DATA / "clinical" / "members.json")
CARRIERS = read_json(DATA / "clinical" / "carriers.json")
CASES = [*EXAMPLES["cases"], *MEMBERS["cases"], *CARRIERS["cases"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_case_gives_exactly_its_findings(case: dict[str, Any]) -> None:
    screening = screened_case(case)

    assert findings(screening) == case["findings"]
    assert screening.outcome == case["outcome"]
    for one in screening.findings:
        references = {evidence.reference for evidence in one.evidence}
        assert references >= set(case.get("evidence", {}).get(one.rule, ()))


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("clean", "clear"), ("anticoagulated", "review"), ("active-infection", "block")],
)
def test_a_referral_of_the_protocol_has_its_outcome(name: str, outcome: str) -> None:
    bundle = read_json(DATA / "payloads" / "tpi" / f"{name}-referral.json")

    facts = read(of_bundle(bundle), the_pack())
    screening = screen(facts, the_pack(), day=date(2026, 11, 23), planned=None, variant=None)

    assert screening.outcome == outcome


def test_every_rule_with_an_example_is_named_by_the_pack() -> None:
    named = {rule for case in CASES for rule in case["findings"]}

    assert named <= {rule.id for rule in the_pack().content.rules}
