"""What a rule object must hold to be carried out, beyond its form: every name leads somewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from fhir_mappings.model.check import RuleFailed
from fhir_mappings.model.condition import (
    AllOf,
    AnyOf,
    Condition,
    ElementIs,
    Fired,
    NewerAnswer,
    NewestValue,
    NoneOf,
    NumberIs,
    OtherClass,
    Words,
)
from fhir_mappings.model.content import Content
from fhir_mappings.model.finding import Action
from fhir_mappings.model.rule import Input, Rule
from fhir_mappings.model.texts import Texts
from fhir_mappings.parse.facts.elements import ELEMENTS, MARKS, TYPES
from fhir_mappings.parse.pack_combinations import combination_faults
from fhir_mappings.parse.patterns import outside_subset
from fhir_mappings.problems import Code, Problem

_GROUP: Final = re.compile(r"(?<!\\)\((?!\?)")
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""An id of FHIR: a rule's is the code of its finding and the id of its action."""
BY_DRUG: Final = "by-drug"
UNTOLD: Final = "unknown"


def inputs_of(content: Content) -> Iterator[Input]:
    """Return every input of every rule, preconditions too."""
    for rule in content.rules:
        yield from rule.inputs
        yield from rule.applies_when.preconditions


def conditions_of(content: Content) -> Iterator[Condition]:
    """Return every condition of every rule, at any depth."""
    for rule in content.rules:
        yield from rule_conditions(rule)


def rule_conditions(rule: Rule) -> Iterator[Condition]:
    """Return every condition of one rule, at any depth."""
    inputs = (*rule.inputs, *rule.applies_when.preconditions)
    held = [rule.applies_when.only_when, *(one.only_when for one in inputs)]
    held += [step.when for one in inputs for step in one.adjust]
    for one in held:
        if one is not None:
            yield from _deep(one)


def _deep(condition: Condition) -> Iterator[Condition]:
    yield condition
    if isinstance(condition, AllOf | AnyOf | NoneOf):
        for one in condition.of:
            yield from _deep(one)


def faults(content: Content, texts: Texts, sets: frozenset[str]) -> Iterator[Problem]:
    """Yield every name that leads nowhere and every pattern outside the subset.

    A set without codes and patterns is no fault: a build may leave code systems out. It must
    be named by a file or a pattern list all the same, or be the union of such.
    """
    ids = frozenset(rule.id for rule in content.rules)
    known_sets = sets | content.includes.keys()
    for rule in content.rules:
        at = f"rules[{rule.id}]"
        yield from _missing(at, _sets_of(rule), known_sets)
        yield from _missing(at, _rules_of(rule), ids)
        yield from _missing(f"{at}.sources", rule.sources, content.sources)
        if not _ID.fullmatch(rule.id):
            yield Problem(Code.PACK, at, "id")
        for one in (*rule.inputs, *rule.applies_when.preconditions):
            yield from _input_faults(f"{at}.inputs", one, content)
        yield from _condition_faults(at, rule)
        yield from combination_faults(at, rule)
    yield from _failure_faults(content)
    yield from _table_faults(content, known_sets)
    yield from _pattern_faults(content, texts)


def _failure_faults(content: Content) -> Iterator[Problem]:
    """Refuse a pack that could not tell of a rule that failed: it would fail in silence."""
    telling = (
        one
        for rule in content.rules
        for one in rule.inputs
        if isinstance(one.check, RuleFailed) and (one.action or rule.action) is not Action.INFO
    )
    if next(telling, None) is None:
        yield Problem(Code.PACK, "rules", "no rule with check ruleFailed")


def _missing(at: str, named: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    yield from (Problem(Code.PACK, at, one) for one in sorted(set(named) - set(known)))


def _sets_of(rule: Rule) -> Iterator[str]:
    applies = rule.applies_when
    yield from chain(applies.site_value_sets, applies.not_site_value_sets)
    for one in (*rule.inputs, *applies.preconditions):
        yield from chain(one.value_sets, one.means_sets)
        yield from one.lifelong.value_sets if one.lifelong else ()
    for condition in rule_conditions(rule):
        if isinstance(condition, NewestValue | NewerAnswer):
            yield from condition.value_sets
        elif isinstance(condition, OtherClass):
            yield from condition.classes


def _rules_of(rule: Rule) -> Iterator[str]:
    yield from (one for gives in rule.gives_way_to for one in gives.rules)
    yield from (step.rule for one in rule.inputs for step in one.adjust if step.rule)
    for condition in rule_conditions(rule):
        if isinstance(condition, Fired):
            yield from condition.rules or ()


def _input_faults(at: str, one: Input, content: Content) -> Iterator[Problem]:
    yield from _missing(f"{at}.resourceTypes", one.resource_types, TYPES)
    elements = one.element.replace("|", "+").split("+")
    yield from _missing(f"{at}.element", elements, ELEMENTS)
    yield from _missing(f"{at}.status", [one.status], content.status_filters)
    if one.washout is not None:
        yield from _missing(f"{at}.washout", [one.washout], {BY_DRUG, *content.washouts})
    if one.value is not None and "Patient" not in one.resource_types:
        yield from _unit_faults(f"{at}.value.unit", one.value.unit, one.value_sets, content)


def _form_faults(content: Content) -> Iterator[Problem]:
    for name, form in content.quantities.items():
        if any(not one.over for one in form.accepts):
            yield Problem(Code.PACK, "quantities.over", name)


def _unit_faults(at: str, unit: str, sets: Iterable[str], content: Content) -> Iterator[Problem]:
    """Compare values only in the unit that the set's quantity form turns them into."""
    for one in sorted(sets):
        form = content.quantities.get(one)
        if form is None or form.unit != unit:
            yield Problem(Code.PACK, at, one)


def _condition_faults(at: str, rule: Rule) -> Iterator[Problem]:
    for condition in rule_conditions(rule):
        match condition:
            case ElementIs():
                yield from _missing(f"{at}.elements", condition.elements, MARKS)
                if (condition.exists is None) == (condition.values is None):
                    yield Problem(Code.PACK, f"{at}.element", "exists or values")
            case Words(pattern=pattern) | NumberIs(pattern=pattern):
                yield from _outside(f"{at}.pattern", [pattern])
                if isinstance(condition, NumberIs) and not _GROUP.search(pattern):
                    yield Problem(Code.PACK, f"{at}.pattern", "number without a group")
            case _:
                pass


def _table_faults(content: Content, sets: Iterable[str]) -> Iterator[Problem]:
    order = content.order
    named = chain(
        order.services,
        order.site.understood_sets,
        order.site.settling_sets,
        *(one.names for one in order.variant.first),
        *(one.sets for one in content.washouts.values()),
        *content.includes.values(),
        content.quantities,
    )
    yield from _missing("order, washouts, includes, quantities", named, sets)
    yield from _missing("washouts", [UNTOLD], content.washouts)
    yield from _form_faults(content)
    for row in content.carriers.rows:
        yield from _missing("carriers.resourceTypes", row.resource_types, TYPES)
        yield from _missing("carriers.element", row.element.split("+"), ELEMENTS)
    yield from _missing("order.variant.elements", order.variant.elements, ELEMENTS)
    yield from _missing("order.site.element", [order.site.element], ELEMENTS)
    excluded = [one.element for one in content.always_excluded]
    yield from _missing("alwaysExcluded.element", excluded, MARKS)


def _pattern_faults(content: Content, texts: Texts) -> Iterator[Problem]:
    for name, one in texts.patterns.items():
        yield from _outside(f"patterns.{name}", one.ignore_case + one.case_sensitive)
    for name, patterns in texts.regions.items():
        yield from _outside(f"regions.{name}", patterns)
    yield from _outside("topicalForms", texts.topical.words)
    yield from _outside("negationHints", [texts.hints.sentence_end, texts.hints.clause_end])
    yield from _outside("washouts", [one.names for one in content.washouts.values() if one.names])
    systems: Mapping[str, str] = {**content.complete_systems, **content.known_systems}
    yield from _outside("systems", systems.values())
    answers, none = content.answers, content.explicit_none
    yield from _outside("answers", answers.negative_text + answers.positive_text)
    yield from _outside("explicitNone", none.text)


def _outside(at: str, patterns: Iterable[str]) -> Iterator[Problem]:
    for index, one in enumerate(patterns):
        reason = outside_subset(one)
        if reason:
            yield Problem(Code.PACK, f"{at}[{index}]", reason)
