"""Laws of screening: order changes nothing, a danger never lowers, unknown is never clear."""

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.screening import Ruling, explain, screen
from fhir_mappings.model.finding import FindingKind, Outcome, Screening
from fhir_mappings.parse.facts import read
from fhir_mappings.problems import Code, Refused
from tests.kit.charts import DATA, EXAMPLES, a_chart, read_json, the_pack, with_numbers

MEMBERS = read_json(DATA / "clinical" / "members.json")
CASES = [*EXAMPLES["cases"], *MEMBERS["cases"]]
ADDED = [one for case in CASES for one in case["add"]]
DANGER = next(case for case in EXAMPLES["cases"] if case["name"].startswith("1 "))["add"][0]
DAY, PLANNED = date(2026, 11, 23), date(2026, 12, 1)


def screened(entries: list[dict[str, Any]], **order: object) -> Screening:
    base = EXAMPLES["base"]
    changed = {name: one for name, one in {**base["order"], **order}.items() if one is not None}
    chart = a_chart(changed, base["patient"], entries)
    return screen(read(chart, the_pack()), the_pack(), day=DAY, planned=PLANNED, variant=None)


def renumbered(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give every entry an id of its own, so that they can stand on one chart."""
    return [{**one, "id": f"n{index}"} for index, one in enumerate(entries)]


some_entries = st.lists(st.sampled_from(ADDED), max_size=8).map(renumbered)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(entries=some_entries, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing(
    entries: list[dict[str, Any]], shuffle: Random
) -> None:
    mixed = list(entries)
    shuffle.shuffle(mixed)

    assert screened(mixed) == screened(entries)


@quick
@given(entries=some_entries)
def test_a_danger_more_never_lowers_the_outcome(entries: list[dict[str, Any]]) -> None:
    before = screened(entries)

    after = screened([*entries, DANGER])

    weight = list(Outcome).index
    assert weight(after.outcome) >= max(weight(before.outcome), weight(Outcome.REVIEW))


@quick
@given(entries=some_entries)
def test_the_same_facts_give_the_same_screening(entries: list[dict[str, Any]]) -> None:
    assert screened(entries) == screened(entries)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"medicationCodeableConcept": {}},
        {"medicationCodeableConcept": {"coding": [{"code": "q"}]}},
        {"medicationCodeableConcept": {"text": "\u2753\u2753"}},
        {"medicationCodeableConcept": {"text": "5 mg"}},
        {"medicationCodeableConcept": None},
        {"modifierExtension": [{"url": "urn:example:unknown"}]},
        {"dispenseRequest": {"modifierExtension": [{"url": "urn:example:unknown"}]}},
        {"implicitRules": "urn:example:rules"},
    ],
)
def test_unreadable_medication_asks_for_review(spoilt: dict[str, Any]) -> None:
    medication = {name: one for name, one in {**DANGER, **spoilt}.items() if one is not None}

    screening = screened([*EXAMPLES["base"]["entries"], medication])

    assert screening.outcome == Outcome.REVIEW
    assert any(one.kind is FindingKind.DATA for one in screening.findings)


def test_a_rule_that_stumbles_is_named_by_a_data_finding() -> None:
    result = next(one for one in ADDED if "valueQuantity" in one)
    base = EXAMPLES["base"]
    facts = read(a_chart(base["order"], base["patient"], [*base["entries"], result]), the_pack())

    screening = screen(
        with_numbers(facts, Decimal("NaN")), the_pack(), day=DAY, planned=PLANNED, variant=None
    )

    assert screening.outcome == Outcome.REVIEW
    told = {
        evidence.value
        for one in screening.findings
        if one.kind is FindingKind.DATA
        for evidence in one.evidence
    }
    stumbling = {
        rule.id
        for rule in the_pack().content.rules
        if any(one.value and "Observation" in one.resource_types for one in rule.inputs)
    }
    assert told & stumbling


def test_a_variant_the_pack_does_not_know_is_refused() -> None:
    base = EXAMPLES["base"]
    facts = read(a_chart(base["order"], base["patient"], base["entries"]), the_pack())

    with pytest.raises(Refused) as refused:
        screen(facts, the_pack(), day=DAY, planned=PLANNED, variant="unheard-of")

    assert refused.value.problems[0].code is Code.PARAMETER_VALUE


def test_a_missing_patient_is_asked_about() -> None:
    base = EXAMPLES["base"]
    chart = a_chart(base["order"], None, base["entries"])

    screening = screen(read(chart, the_pack()), the_pack(), day=DAY, planned=PLANNED, variant=None)

    assert screening.outcome == Outcome.REVIEW


def test_every_rule_has_a_verdict_and_those_that_fired_their_finding() -> None:
    base = EXAMPLES["base"]
    facts = read(a_chart(base["order"], base["patient"], [*base["entries"], DANGER]), the_pack())

    verdicts = explain(facts, the_pack(), day=DAY, planned=PLANNED, variant=None)
    screening = screen(facts, the_pack(), day=DAY, planned=PLANNED, variant=None)

    assert [one.rule for one in verdicts] == [one.id for one in the_pack().content.rules]
    fired = {one.rule for one in verdicts if one.ruling is Ruling.FIRED}
    assert fired == {one.rule for one in screening.findings}
    assert all(one.because for one in verdicts if one.ruling is Ruling.NOT_APPLICABLE)


@quick
@given(entries=some_entries)
def test_rules_that_are_left_out_unheard_would_have_said_nothing(
    entries: list[dict[str, Any]],
) -> None:
    base = EXAMPLES["base"]
    facts = read(a_chart(base["order"], base["patient"], entries), the_pack())

    screening = screen(facts, the_pack(), day=DAY, planned=PLANNED, variant=None)
    each = explain(facts, the_pack(), day=DAY, planned=PLANNED, variant=None)

    assert {one.rule: one for one in screening.findings} == {
        one.rule: one.finding for one in each if one.finding
    }


def test_what_would_be_left_out_is_carried_out_where_the_chart_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(_scene: Scene, _rtype: str) -> frozenset[str]:
        raise ValueError

    base = EXAMPLES["base"]
    facts = read(a_chart(base["order"], base["patient"], base["entries"]), the_pack())
    monkeypatch.setattr(Scene, "names_in", stumble)

    screening = screen(facts, the_pack(), day=DAY, planned=PLANNED, variant=None)

    looking = {rule.id for rule in the_pack().content.rules if rule.inputs[0].value_sets}
    assert screening.outcome == Outcome.REVIEW
    assert len(looking.intersection(screening.failed)) > 50


def test_the_order_wishes_a_day_and_a_given_day_wins() -> None:
    wished = screened(EXAMPLES["base"]["entries"], occurrenceDateTime="2026-12-24")
    base = EXAMPLES["base"]
    order = {**base["order"], "occurrenceDateTime": "2026-12-24"}
    facts = read(a_chart(order, base["patient"], base["entries"]), the_pack())
    free = screen(facts, the_pack(), day=DAY, planned=None, variant=None)
    late = screen(facts, the_pack(), day=date(2027, 1, 5), planned=None, variant=None)

    assert wished.planned == PLANNED
    assert free.planned == date(2026, 12, 24)
    assert late.planned == date(2027, 1, 5)
