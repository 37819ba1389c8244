"""What another pack makes of a referral is told rule by rule."""

from fhir_mappings.decide.pack_diff import difference
from fhir_mappings.model.finding import Outcome
from tests.kit.charts import EXAMPLES, screened_case, the_pack
from tests.kit.own_packs import a_source, own_pack, plain


def test_other_sentences_are_no_difference() -> None:
    german = own_pack(a_source(numbers=[], variants=[], words={}, codes={}, rules=sentences()))

    told = [
        difference(screened_case(case, the_pack()), screened_case(case, german))
        for case in EXAMPLES["cases"]
    ]

    assert all(one.same for one in told)


def sentences() -> dict[str, dict[str, str]]:
    return {rule.id: {"title": rule.title.upper()} for rule in the_pack().content.rules}


def test_a_rule_that_became_weaker_changes_the_outcome() -> None:
    case = next(
        one for one in EXAMPLES["cases"] if list(one["findings"].values()).count("block") == 1
    )
    (rule,) = (name for name, action in case["findings"].items() if action == "block")
    weaker = own_pack(plain(rules={rule: {"action": "info"}}))

    told = difference(screened_case(case, the_pack()), screened_case(case, weaker))

    assert told.before is Outcome.BLOCK
    assert told.after is not Outcome.BLOCK
    assert [(one.rule, one.before, one.after) for one in told.changes] == [(rule, "block", "info")]
