"""Every input of every rule fires on a code of each of its sets: nothing in a pack is dead.

The entries are made from the pack itself, so a new rule is tested without a new test.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings.model.fact import Coding
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Input, Rule
from tests.kit.charts import findings, screened_case, the_pack

DATES = ("2026-11-20", "2026-11-21", "2026-11-22")
PLANNED = "2026-11-23"
LONG_AGO = "2020-01-01"
WOMAN = {"gender": "female", "birthDate": "1995-02-03"}
CODED = {"code", "orderDetail", "reasonCode", "bodySite"}
SUBJECT = {"reference": "Patient/p"}


def code_of(pack: Pack, name: str) -> Coding | None:
    """Return one code of a set."""
    for system, listed in pack.codes.items():
        for code, one in listed.items():
            if name in one.sets:
                return Coding(system=system, code=code, display=one.display)
    return None


def inputs() -> Iterator[Any]:
    for rule in the_pack().content.rules:
        for index, one in enumerate(rule.inputs):
            if rule.match == "any" and one.check is None and one.value_sets:
                for rtype in one.resource_types:
                    for name in sorted(one.value_sets):
                        yield pytest.param(
                            rule, one, rtype, name, id=f"{rule.id}-{index}-{rtype}-{name}"
                        )


def concept(coding: Coding) -> dict[str, Any]:
    return {"coding": [{"system": coding.system, "code": coding.code}]}


SHAPES: dict[str, dict[str, str]] = {
    "AllergyIntolerance": {"code": "code"},
    "Condition": {"code": "code", "date": "onsetDateTime"},
    "Observation": {"code": "code", "date": "effectiveDateTime"},
    "Procedure": {"code": "code", "date": "performedDateTime", "status": "completed"},
    "Device": {"code": "type", "status": "active"},
}


def entry(wanted: Input, rtype: str, held: dict[str, Any], date: str) -> dict[str, Any]:
    """Make an entry that holds the code where the input looks, in a state that its filter keeps."""
    one: dict[str, Any] = {"resourceType": rtype, "subject": SUBJECT}
    if rtype == "FamilyMemberHistory":
        return {**one, "status": "completed", "condition": [{"code": held}]}
    if rtype not in SHAPES:
        status = "stopped" if wanted.status == "stopped" else "active"
        return {**one, "status": status, "medicationCodeableConcept": held}
    shape = SHAPES[rtype]
    one |= {shape["code"]: held}
    one |= {shape["date"]: date} if "date" in shape else {}
    one |= {"status": shape["status"]} if "status" in shape else {}
    active = {"clinicalStatus": {"coding": [{"code": "active"}]}}
    return one | active if rtype == "Condition" else one


def value(wanted: Input, name: str) -> dict[str, Any]:
    """Make a value that passes the input's comparison, in a unit that the set accepts."""
    if wanted.value is None:
        return {"valueBoolean": wanted.value_means == "positive"}
    form = the_pack().content.quantities[name]
    same = next(one for one in form.accepts if one.times == one.over and not one.minus)
    step = Decimal("0.1") if ">" in wanted.value.comparator else Decimal("-0.1")
    number = wanted.value.quantity + step
    return {"valueQuantity": {"value": number, "code": max(same.units)}}


def order_for(rule: Rule) -> dict[str, Any]:
    """Make what the rule asks of the order: a site, and words of its preconditions."""
    order: dict[str, Any] = {}
    for name in rule.applies_when.site_value_sets:
        coding = code_of(the_pack(), name)
        order["bodySite"] = [concept(coding)] if coding else []
    for one in rule.applies_when.preconditions:
        words = [the_pack().texts.patterns[name].stems for name in one.value_sets]
        order["note"] = [{"text": word} for held in words for word in (held or ())]
    return order


def case_for(rule: Rule, wanted: Input, rtype: str, name: str) -> dict[str, Any] | None:
    """Make a case in which the input should match; None where the set has no code."""
    coding = code_of(the_pack(), name)
    if coding is None:
        return None
    variant = min(rule.applies_when.variants)
    case: dict[str, Any] = {"order": order_for(rule), "variant": variant, "planned": PLANNED}
    if rtype == "ServiceRequest":
        coded = (one for one in wanted.element.split("+") if one in CODED)
        element = next(coded)
        one = concept(coding)
        case["order"][element] = one if element == "code" else [one]
    else:
        dates = DATES if wanted.min_count else DATES[:1]
        dates = (LONG_AGO,) if wanted.older_than_days else dates
        extra = value(wanted, name) if wanted.value or wanted.value_means else {}
        made = [entry(wanted, rtype, concept(coding), date) | extra for date in dates]
        case["add"] = [{**one, "id": f"made{index}"} for index, one in enumerate(made)]
    if rule.applies_when.sex:
        case["patient"] = WOMAN
    return case


@pytest.mark.parametrize(("rule", "wanted", "rtype", "name"), list(inputs()))
def test_an_input_fires_on_a_code_of_its_set(
    rule: Rule, wanted: Input, rtype: str, name: str
) -> None:
    case = case_for(rule, wanted, rtype, name)
    if case is None:
        pytest.skip("the set has words only")

    found = findings(screened_case(case))

    instead = {one for gives in rule.gives_way_to for one in gives.rules}
    assert rule.id in found or instead & found.keys()
