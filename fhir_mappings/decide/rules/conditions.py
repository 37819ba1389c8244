"""The conditions of `onlyWhen` and `adjust.when`.

Source: rules.md of the content pack, Conditions.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import assert_never

from fhir_mappings.decide.rules.answers import answered_after
from fhir_mappings.decide.rules.dates import latest, older
from fhir_mappings.decide.rules.found import Match
from fhir_mappings.decide.rules.looking import observed
from fhir_mappings.decide.rules.order import names
from fhir_mappings.decide.rules.quantities import compare, measured, meets, newest, numbers
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.model.condition import (
    AllOf,
    AnyOf,
    Condition,
    ElementIs,
    Fired,
    HintIs,
    NewerAnswer,
    NewestValue,
    NoneOf,
    NumberIs,
    OlderThan,
    OtherClass,
    OtherRegion,
    SexIs,
    VariantIs,
    Words,
)
from fhir_mappings.model.fact import Said
from fhir_mappings.model.member import Reading
from fhir_mappings.model.rule import Input


def holds(  # noqa: PLR0911 - one answer for each kind of condition
    scene: Scene, condition: Condition, wanted: Input | None = None, match: Match | None = None
) -> bool:
    """Say whether a condition holds, of a match where it speaks of one."""
    match condition:
        case AllOf():
            return all(holds(scene, one, wanted, match) for one in condition.of)
        case AnyOf():
            return any(holds(scene, one, wanted, match) for one in condition.of)
        case NoneOf():
            return not any(holds(scene, one, wanted, match) for one in condition.of)
        case VariantIs():
            return scene.variant in condition.values
        case SexIs():
            return sex(scene) in condition.values
        case ElementIs():
            return _element(scene, condition, match)
        case Fired():
            return _fired(scene, condition)
        case _:
            return match is not None and _of_match(scene, condition, wanted, match)


def sex(scene: Scene) -> str:
    """Return the administrative sex; without a patient it is unknown."""
    return scene.facts.person.sex if scene.facts.person else "unknown"


def _element(scene: Scene, condition: ElementIs, match: Match | None) -> bool:
    marks = _marks(scene, condition, match)
    if condition.exists is not None:
        return any(one in marks for one in condition.elements) is condition.exists
    wanted = frozenset(condition.values or ())
    return any(not marks.get(one, frozenset()).isdisjoint(wanted) for one in condition.elements)


def _marks(scene: Scene, condition: ElementIs, match: Match | None) -> Mapping[str, frozenset[str]]:
    match condition.on:
        case "order":
            return scene.order.marks
        case "patient":
            return scene.facts.person.marks if scene.facts.person else {}
        case "entry":
            return match.entry.marks if match and match.entry else {}


def _fired(scene: Scene, condition: Fired) -> bool:
    return any(
        not actions.isdisjoint(condition.actions)
        and (condition.rules is None or rule in condition.rules)
        and (not condition.variant_dependent or scene.plan.variant_dependent(rule))
        for rule, actions in scene.fired.items()
    )


def _of_match(  # noqa: C901, PLR0911 - one answer for each kind of condition
    scene: Scene,
    condition: HintIs
    | OlderThan
    | Words
    | NumberIs
    | OtherClass
    | OtherRegion
    | NewestValue
    | NewerAnswer,
    wanted: Input | None,
    match: Match,
) -> bool:
    match condition:
        case HintIs():
            return match.reading in condition.values
        case OlderThan():
            return _older(scene, condition, wanted, match)
        case Words():
            return _compiled(condition.pattern).search(_words(scene, wanted, match)) is not None
        case NumberIs():
            return _number(scene, condition, wanted, match)
        case OtherClass():
            return _other_class(scene, condition, wanted, match)
        case OtherRegion():
            return _other_region(scene, match)
        case NewestValue():
            return _newest_value(scene, condition, wanted, match)
        case NewerAnswer():
            dated = match.entry.dated if match.entry else None
            return dated is not None and answered_after(scene, condition, dated.days)
        case _:
            assert_never(condition)


def _of_type(rtypes: tuple[str, ...] | None, match: Match) -> bool:
    return rtypes is None or (match.entry is not None and match.entry.rtype in rtypes)


def _older(scene: Scene, condition: OlderThan, wanted: Input | None, match: Match) -> bool:
    if match.entry is None or not _of_type(condition.resource_types, match):
        return False
    return older(scene, latest(scene, match.entry, wanted, match.hit), condition.days)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _element_said(scene: Scene, wanted: Input | None, match: Match) -> tuple[Said, ...]:
    """Return everything said in the element of the match; at a carrier the one place."""
    if match.at_carrier or wanted is None or match.entry is None:
        return (match.hit.said,) if match.hit else ()
    return tuple(scene.said(match.entry, wanted.element))


def _words(scene: Scene, wanted: Input | None, match: Match) -> str:
    return "\n".join(
        word for said in _element_said(scene, wanted, match) for word in _all_words(scene, said)
    )


def _all_words(scene: Scene, said: Said) -> Iterator[str]:
    for coding in said.codings:
        yield from scene.names_of(coding)
    yield from map(scene.cut.read, said.texts)


def _number(scene: Scene, condition: NumberIs, wanted: Input | None, match: Match) -> bool:
    found = _compiled(condition.pattern).finditer(_words(scene, wanted, match))
    told = numbers(one.group(1) for one in found)
    return bool(told) and all(
        compare(one, condition.comparator, condition.quantity) for one in told
    )


def _other_class(scene: Scene, condition: OtherClass, wanted: Input | None, match: Match) -> bool:
    """The order names exactly one class; the entry names one or more, and only others."""
    form = scene.content.order.variant
    classes = frozenset(condition.classes)
    ordered = names(scene, form.elements, classes, form.hints)
    if len(ordered) != 1:
        return False
    entered: set[str] = set()
    counted = frozenset(Reading)
    for said in _element_said(scene, wanted, match):
        coded = scene.code_hit(said, classes)
        entered.update(coded.sets if coded else ())
        for name in classes:
            if any(scene.text_hits(said, (name,), counted, allergy=True)):
                entered.add(name)
    return bool(entered) and ordered.isdisjoint(entered)


def _other_region(scene: Scene, match: Match) -> bool:
    """Entry and order name regions and share none; an unknown site is no other region."""
    if match.entry is None or not scene.site.known:
        return False
    said = [one for name in ("code", "type", "bodySite") for one in scene.said(match.entry, name)]
    if match.hit and match.hit.said not in said:
        said.append(match.hit.said)
    told = scene.plan.patterns.regions(word for one in said for word in _all_words(scene, one))
    element = scene.content.order.site.element
    sites = scene.said(scene.order, element)
    ordered = scene.plan.patterns.regions(word for one in sites for word in _all_words(scene, one))
    return bool(told) and bool(ordered) and told.isdisjoint(ordered)


def _newest_value(scene: Scene, condition: NewestValue, wanted: Input | None, match: Match) -> bool:
    """The newest readable values pass, and none is older than the entry's latest day."""
    if match.entry is None or not _of_type(condition.resource_types, match):
        return False
    day = latest(scene, match.entry, wanted, match.hit)
    found = observed(scene, condition.value_sets, words=True)
    values = newest(measured(scene, found, condition.within_days))
    return (
        day is not None
        and bool(values)
        and all(
            one.day >= day and meets(one, condition.comparator, condition.quantity)
            for one in values
        )
    )
