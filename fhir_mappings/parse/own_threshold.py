"""Another number for a rule: put wherever the rule says that it acts."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.pack_layers import Layer, joined
from fhir_mappings.problems import Code, Problem, refuse_any


class NewNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold of a rule: what it is called, what it was, what it is now, and who says so.

    A base in which it is another than `was` is another base than was looked at.
    """

    rule: str
    what: str
    was: Decimal
    now: Decimal
    origin: str


def numbered(
    numbers: tuple[NewNumber, ...], base: Layer, rules: Mapping[str, Tree], tables: Tree
) -> tuple[dict[str, Tree], Tree]:
    """Return the rules and tables of a clinic's pack with its numbers in them.

    A number that acts in a table stands in each rule that tells of it.

    Raises:
        Refused: `pack`, naming the rule that has no such threshold.
    """
    changed = dict(rules)
    faults: list[Problem] = []
    for one in numbers:
        rule = changed.get(one.rule) or base.rules.get(one.rule, {})
        places = _places(rule, one)
        if not places:
            faults.append(Problem(Code.PACK, f"numbers[{one.rule}]", one.what))
        for place in places:
            if place.startswith("#"):
                tables = _in_tables(tables, base.tables, place, one.now)
        for name, other in {**base.rules, **changed}.items():
            if name == one.rule or _shares(other, places):
                changed[name] = _renumbered(other, places, one, own=name == one.rule)
    refuse_any(faults)
    return changed, tables


def _places(rule: Tree, number: NewNumber) -> tuple[str, ...]:
    return tuple(
        str(place)
        for threshold in map(members, items(rule.get("thresholds")))
        if text(threshold, "what") == number.what and threshold.get("value") == number.was
        for place in items(threshold.get("at"))
    )


def _shares(rule: Tree, places: tuple[str, ...]) -> bool:
    return any(
        str(place) in places
        for threshold in map(members, items(rule.get("thresholds")))
        for place in items(threshold.get("at"))
        if str(place).startswith("#")
    )


def _renumbered(rule: Tree, places: tuple[str, ...], number: NewNumber, *, own: bool) -> Tree:
    told: list[Json] = [
        {**one, "value": number.now, "origin": number.origin} if _at(one, places, own=own) else one
        for one in map(members, items(rule.get("thresholds")))
    ]
    changed: Tree = {**rule, "thresholds": told}
    for place in places if own else ():
        if not place.startswith("#"):
            changed = members(_put(changed, place.lstrip("/").split("/"), number.now))
    return changed


def _at(threshold: Tree, places: tuple[str, ...], *, own: bool) -> bool:
    named = [str(one) for one in items(threshold.get("at"))]
    return any(one in places and (own or one.startswith("#")) for one in named)


def _in_tables(tables: Tree, base: Tree, place: str, number: Decimal) -> Tree:
    first, *rest = place.lstrip("#/").split("/")
    whole = joined(members(base.get(first)), members(tables.get(first)))
    return {**tables, first: _put(whole, rest, number)}


def _put(tree: Json, steps: list[str], number: Decimal) -> Json:
    """Return the tree with the number at this place; a place that is not there changes nothing."""
    if not steps:
        return number
    first, *rest = steps
    if isinstance(tree, list):
        held: list[Json] = [*tree]
        if first.isdigit() and int(first) < len(held):
            held[int(first)] = _put(held[int(first)], rest, number)
        return held
    if isinstance(tree, dict) and first in tree:
        return {**tree, first: _put(tree[first], rest, number)}
    return tree
