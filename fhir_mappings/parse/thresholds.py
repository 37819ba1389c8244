"""Numbers of a rule that are told but do not act: what stands only in words."""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from fhir_mappings.model.content import Content
from fhir_mappings.model.rule import Threshold

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | float | int | bool | None"


def spoken_only(content: Content, raw_rules: Iterable[bytes]) -> tuple[str, ...]:
    """Name the rules with a threshold whose place in the rule object does not hold its value."""
    whole = msgspec.to_builtins(content)
    return tuple(
        rule.id
        for rule, raw in zip(content.rules, raw_rules, strict=True)
        if not all(_acts(one, msgspec.json.decode(raw), whole) for one in rule.thresholds)
    )


def _acts(threshold: Threshold, rule: _Json, whole: _Json) -> bool:
    return all(_holds(threshold, at, rule, whole) for at in threshold.at)


def _holds(threshold: Threshold, at: str, rule: _Json, whole: _Json) -> bool:
    found = _at(whole if at.startswith("#") else rule, at.lstrip("#/").split("/"))
    if threshold.value is None:
        return isinstance(found, dict) and bool(found)
    return str(found) == str(threshold.value) or found == float(threshold.value)


def _at(tree: _Json, steps: list[str]) -> _Json:
    for step in steps:
        if isinstance(tree, list):
            tree = tree[int(step)] if step.isdigit() and int(step) < len(tree) else None
        else:
            tree = tree.get(step) if isinstance(tree, dict) else None
    return tree
