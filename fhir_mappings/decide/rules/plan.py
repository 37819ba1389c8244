"""What is worked out once for a pack and used by every screening: compiled, indexed, ordered."""

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from fhir_mappings.decide.rules.codes import Codes
from fhir_mappings.decide.rules.text import Patterns
from fhir_mappings.model.check import RuleFailed, StatusUnknown
from fhir_mappings.model.condition import AllOf, AnyOf, Condition, Fired, NewestValue, NoneOf
from fhir_mappings.model.content import Content, EntryState
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Input, Rule, ValueIs


class Plan(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One pack, ready to be carried out.

    `first` are the rules that stand alone, `last` those that look at findings, both in the order
    of the pack. `listens_for` has of each rule the sets of which one must be named before it says
    anything, None where it may speak without. `limits` are the comparisons that any rule makes with
    values of a set. `looked` says which sets inputs look for in texts of a resource type,
    `read_as_text` in which elements of a type inputs and carriers may read text. `giving` are the
    rules that give way; `ask_states` and `tell_failures` the inputs whose checks are told of
    matches of other rules, and of rules that failed.
    """

    pack: Pack
    codes: Codes
    patterns: Patterns
    first: tuple[Rule, ...]
    last: tuple[Rule, ...]
    listens_for: dict[str, frozenset[str] | None]
    variants: frozenset[str]
    states: dict[str, EntryState]
    limits: dict[str, tuple[ValueIs, ...]]
    looked: dict[str, frozenset[str]]
    read_as_text: dict[str, frozenset[str]]
    by_id: dict[str, Rule]
    giving: tuple[Rule, ...]
    ask_states: tuple[tuple[Rule, Input], ...]
    tell_failures: tuple[tuple[Rule, Input], ...]

    def variant_dependent(self, rule: str) -> bool:
        """Say whether some variant switches the rule off."""
        return not self.by_id[rule].applies_when.variants >= self.variants


@lru_cache(maxsize=8)
def plan_of(pack: Pack) -> Plan:
    """Work out a pack's plan; the last few packs used keep theirs."""
    content = pack.content
    late = {rule.id for rule in content.rules if any(map(_looks_back, _conditions(rule)))}
    return Plan(
        pack=pack,
        codes=Codes(pack),
        patterns=Patterns(pack),
        first=tuple(rule for rule in content.rules if rule.id not in late),
        last=tuple(rule for rule in content.rules if rule.id in late),
        listens_for={rule.id: _listens_for(rule) for rule in content.rules},
        variants=frozenset(one.variant for one in content.order.variant.first),
        states={rtype: row for row in content.entry_states for rtype in row.resource_types},
        limits=_limits(content),
        looked=_looked(content),
        read_as_text=_read_as_text(content),
        by_id={rule.id: rule for rule in content.rules},
        giving=tuple(rule for rule in content.rules if rule.gives_way_to),
        ask_states=tuple(_checks(content, StatusUnknown)),
        tell_failures=tuple(_checks(content, RuleFailed)),
    )


def _listens_for(rule: Rule) -> frozenset[str] | None:
    if rule.match == "none":
        return None
    needed = rule.inputs[:1] if rule.match == "firstWithoutRest" else rule.inputs
    found: set[str] = set()
    for one in needed:
        if one.check is not None or not one.value_sets or "Patient" in one.resource_types:
            return None
        found.update(one.value_sets)
    return frozenset(found)


def _checks(
    content: Content, kind: type[StatusUnknown] | type[RuleFailed]
) -> Iterator[tuple[Rule, Input]]:
    for rule in content.rules:
        yield from ((rule, one) for one in rule.inputs if isinstance(one.check, kind))


def _conditions(rule: Rule) -> Iterator[Condition]:
    if rule.applies_when.only_when is not None:
        yield rule.applies_when.only_when
    for one in _inputs(rule):
        if one.only_when is not None:
            yield one.only_when
        yield from (step.when for step in one.adjust)


def _inputs(rule: Rule) -> tuple[Input, ...]:
    return (*rule.inputs, *rule.applies_when.preconditions)


def _looks_back(condition: Condition) -> bool:
    if isinstance(condition, AllOf | AnyOf | NoneOf):
        return any(map(_looks_back, condition.of))
    return isinstance(condition, Fired)


def _newest(condition: Condition) -> Iterator[NewestValue]:
    if isinstance(condition, AllOf | AnyOf | NoneOf):
        for one in condition.of:
            yield from _newest(one)
    elif isinstance(condition, NewestValue):
        yield condition


def _limits(content: Content) -> dict[str, tuple[ValueIs, ...]]:
    found: dict[str, set[ValueIs]] = {}
    for rule in content.rules:
        for one in _inputs(rule):
            if one.value is not None:
                for name in one.value_sets:
                    found.setdefault(name, set()).add(one.value)
        for condition in _conditions(rule):
            for newest in _newest(condition):
                limit = ValueIs(
                    comparator=newest.comparator, quantity=newest.quantity, unit=newest.unit
                )
                for name in newest.value_sets:
                    found.setdefault(name, set()).add(limit)
    return {name: tuple(limits) for name, limits in found.items()}


def _looked(content: Content) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for rule in content.rules:
        for one in _inputs(rule):
            if one.text:
                for rtype in one.resource_types:
                    found.setdefault(rtype, set()).update(one.value_sets)
    return {rtype: frozenset(sets) for rtype, sets in found.items()}


def _read_as_text(content: Content) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for rule in content.rules:
        for one in _inputs(rule):
            for rtype in one.resource_types if one.text else ():
                found.setdefault(rtype, set()).update(one.element.split("+"))
    for row in content.carriers.rows:
        for rtype in row.resource_types:
            found.setdefault(rtype, set()).update(row.element.split("+"))
    return {rtype: frozenset(elements) for rtype, elements in found.items()}
