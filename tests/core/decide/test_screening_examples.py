"""The worked examples of the clinical content, and what must never be clear."""

from datetime import date
from typing import Any

import pytest

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.finding import Screening
from fhir_mappings.parse.facts import read
from tests.kit.charts import DATA, a_chart, of_bundle, read_json, the_pack

EXAMPLES = read_json(DATA / "clinical" / "examples.json")


def screened(case: dict[str, Any]) -> Screening:
    base = EXAMPLES["base"]
    changes = case.get("order", {})
    order = {name: one for name, one in {**base["order"], **changes}.items() if one is not None}
    chart = a_chart(order, base["patient"], [*base["entries"], *case["add"]])
    return screen(
        read(chart, the_pack()),
        the_pack(),
        day=date.fromisoformat(EXAMPLES["day"]),
        planned=date.fromisoformat(case.get("planned", EXAMPLES["planned"])),
        variant=case.get("variant", EXAMPLES["variant"]),
    )


@pytest.mark.parametrize("case", EXAMPLES["cases"], ids=lambda case: case["name"])
def test_a_worked_example_gives_exactly_its_findings(case: dict[str, Any]) -> None:
    screening = screened(case)

    found = {one.rule: str(one.action) for one in screening.findings}
    assert found == case["findings"]
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
