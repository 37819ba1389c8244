"""Members that stand where they would not act: they refuse the pack, like unknown ones.

A member that is known and yet not carried out beside another would be a silent skip.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from fhir_mappings.model.check import NotUnderstood, StatusUnknown, Undecided, ValueUnreadable
from fhir_mappings.model.condition import (
    AllOf,
    AnyOf,
    Condition,
    ElementIs,
    Fired,
    NoneOf,
    SexIs,
    VariantIs,
)
from fhir_mappings.model.rule import Input, Rule
from fhir_mappings.problems import Code, Problem

_ALWAYS: Final = frozenset({"resourceTypes", "element", "text", "status", "onlyWhen", "adjust"})
_ORDINARY: Final = _ALWAYS | {
    *("valueSets", "withinDays", "olderThanDays", "needsDate", "minCount", "washout"),
    *("criticality", "hints", "lifelong", "carriers", "freeText", "action"),
}
_VALUED: Final = _ALWAYS | {"valueSets", "withinDays", "needsDate", "value", "hints", "action"}
_MEANING: Final = _ALWAYS | {
    *("valueSets", "withinDays", "olderThanDays", "needsDate", "valueMeans", "meansSets"),
    *("hints", "action"),
}
_CHECKED: Final = _ALWAYS | {"check", "action"}
_PATIENT: Final = _ALWAYS | {"value", "action"}


def combination_faults(at: str, rule: Rule) -> Iterator[Problem]:
    """Yield the members of a rule that would not act where they stand."""
    for one in rule.inputs:
        yield from _idle(at, one)
        if one.only_when is not None:
            yield from _speaks_of_match(f"{at}.inputs.onlyWhen", one.only_when)
    for one in rule.applies_when.preconditions:
        yield from _idle(at, one)
        yield from _unless(at, one, _set_members(one) - {"adjust", "action", "check"})
    if rule.applies_when.only_when is not None:
        yield from _speaks_of_match(f"{at}.appliesWhen.onlyWhen", rule.applies_when.only_when)


def _set_members(one: Input) -> set[str]:
    """Return the members of an input that ask for something."""
    names = zip(one.__struct_fields__, one.__struct_encode_fields__, strict=True)
    return {shown for name, shown in names if _asks(getattr(one, name))}


def _asks(value: object) -> bool:
    return value is not None and value is not False and value not in ((), frozenset())


def _idle(at: str, one: Input) -> Iterator[Problem]:
    yield from _unless(at, one, _acting(one))
    if one.free_text and one.carriers is None:
        yield Problem(Code.PACK, f"{at}.inputs", "freeText")
    if "Patient" in one.resource_types and one.value is None and one.check is None:
        yield Problem(Code.PACK, f"{at}.inputs", "Patient")
    if not one.value_sets and one.carriers is not None:
        yield Problem(Code.PACK, f"{at}.inputs", "carriers")


def _unless(at: str, one: Input, acting: set[str] | frozenset[str]) -> Iterator[Problem]:
    for name in sorted(_set_members(one) - acting):
        yield Problem(Code.PACK, f"{at}.inputs", name)


def _acting(one: Input) -> frozenset[str]:
    """Return the members that act in an input of this kind."""
    if one.check is not None:
        return _CHECKED | _beside_check(one)
    if "Patient" in one.resource_types:
        return _PATIENT
    if one.value is not None:
        return _VALUED
    return _MEANING if one.value_means is not None else _ORDINARY


def _beside_check(one: Input) -> frozenset[str]:
    match one.check:
        case StatusUnknown():
            return frozenset({"valueSets"})
        case ValueUnreadable():
            return frozenset({"valueSets", "withinDays", "hints"})
        case NotUnderstood():
            return frozenset({"criticality"})
        case Undecided():
            return frozenset({"value"})
        case _:
            return frozenset()


def _speaks_of_match(at: str, condition: Condition) -> Iterator[Problem]:
    """Yield the parts of an input's or a rule's condition that only a match could meet."""
    if isinstance(condition, AllOf | AnyOf | NoneOf):
        for one in condition.of:
            yield from _speaks_of_match(at, one)
        return
    of_entry = isinstance(condition, ElementIs) and condition.on == "entry"
    if of_entry or not isinstance(condition, ElementIs | VariantIs | SexIs | Fired):
        yield Problem(Code.PACK, at, str(msgspec.to_builtins(condition)["kind"]))
