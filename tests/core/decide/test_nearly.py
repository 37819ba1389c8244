"""A rule that did not fire says what was there and why it did not count."""

from datetime import date
from typing import Any

import pytest

from fhir_mappings.decide.screening import Ruling, Verdict, explain
from fhir_mappings.model.rule import Input, Rule
from fhir_mappings.parse.facts import read
from tests.core.decide.test_every_input_fires import case_for, inputs
from tests.kit.charts import EXAMPLES, chart_of, findings, screened_case, the_pack

SOME = [one for one in inputs() if one.values[1].resource_types[0] == "Condition"][:12]
OVER = {"coding": [{"code": "resolved"}]}


def verdict(case: dict[str, Any], rule: str) -> Verdict:
    pack = the_pack()
    told = explain(
        read(chart_of(case), pack),
        pack,
        day=date.fromisoformat(EXAMPLES["day"]),
        planned=date.fromisoformat(case["planned"]),
        variant=case["variant"],
    )
    return next(one for one in told if one.rule == rule)


@pytest.mark.parametrize(("rule", "wanted", "rtype", "name"), SOME)
def test_what_is_over_nearly_fired_by_its_state(
    rule: Rule, wanted: Input, rtype: str, name: str
) -> None:
    case = case_for(rule, wanted, rtype, name) or {}
    over = [{**one, "clinicalStatus": OVER} for one in case["add"]]
    ended = {**case, "add": over}

    told = verdict(ended, rule.id)

    if rule.id in findings(screened_case(ended)):
        assert told.ruling is Ruling.FIRED
        assert told.near == ()
    else:
        assert {one.member for one in told.near} & {"status", "several"}
        assert told.near[0].evidence[0].reference == "Condition/made0"


def test_a_rule_about_nothing_on_the_chart_is_near_to_nothing() -> None:
    case: dict[str, Any] = {"planned": EXAMPLES["planned"], "variant": EXAMPLES["variant"]}
    rule = next(one for one in the_pack().content.rules if one.action == "block")

    told = verdict(case, rule.id)

    assert (told.ruling, told.near) == (Ruling.NOT_FIRED, ())
