"""The order as rules see it: variant, site, and the day it is planned for.

Source: rules.md of the content pack, Order, variant, site; Time.
"""

from collections.abc import Iterable
from datetime import date

from fhir_mappings.decide.rules.plan import Plan
from fhir_mappings.decide.rules.scene import Scene, Site
from fhir_mappings.model.fact import Facts
from fhir_mappings.model.member import Reading


def planned_day(facts: Facts, *, day: date, planned: date | None) -> date:
    """Return the day given, else the one the order wishes for when not past, else today."""
    if planned is not None:
        return planned
    wished = facts.occurs
    return day if wished is None or wished.last < day else max(wished.first, day)


def names(
    scene: Scene, elements: Iterable[str], sets: Iterable[str], hints: frozenset[Reading]
) -> frozenset[str]:
    """Return those sets that the order names in the elements, by code or by words."""
    wanted = frozenset(sets)
    found: set[str] = set()
    for element in elements:
        for said in scene.said(scene.order, element):
            hit = scene.code_hit(said, wanted)
            found.update(hit.sets if hit else ())
            for one in scene.text_hits(said, wanted, hints, allergy=False):
                found.update(one.sets)
            found.update(_all_named(scene, scene.texts(said), wanted - found, hints))
    return frozenset(found)


def _all_named(
    scene: Scene, texts: Iterable[str], wanted: Iterable[str], hints: frozenset[Reading]
) -> set[str]:
    """Return every set that a text names; the heaviest reading of another set hides none."""
    return {
        name
        for text in texts
        for name in wanted
        if any(one.reading in hints for one in scene.named(text, name))
    }


def variant_of(scene: Scene, plan: Plan) -> str:
    """Return the first variant whose sets are all named; one without sets ends the list."""
    form = plan.pack.content.order.variant
    wanted = {name for one in form.first for name in one.names}
    named = names(scene, form.elements, wanted, form.hints)
    return next((one.variant for one in form.first if named.issuperset(one.names)), "")


def site_of(scene: Scene, plan: Plan) -> Site:
    """Read the sites: known when every one is understood, or one settles the matter."""
    form = plan.pack.content.order.site
    sets = frozenset(_site_sets(plan))
    each = [
        _said_names(scene, index, form.element, sets, form.hints)
        for index, _ in enumerate(scene.order.said.get(form.element, ()))
    ]
    understood = bool(each) and all(not one.isdisjoint(form.understood_sets) for one in each)
    named = frozenset[str]().union(*each)
    settled = not named.isdisjoint(form.settling_sets)
    return Site(names=named, known=understood or settled, given=bool(each))


def _said_names(
    scene: Scene, index: int, element: str, sets: frozenset[str], hints: frozenset[Reading]
) -> frozenset[str]:
    said = scene.order.said[element][index]
    hit = scene.code_hit(said, sets)
    coded = hit.sets if hit else frozenset[str]()
    return coded | frozenset(_all_named(scene, scene.texts(said), sets, hints))


def _site_sets(plan: Plan) -> set[str]:
    form = plan.pack.content.order.site
    found = {*form.understood_sets, *form.settling_sets}
    for rule in plan.pack.content.rules:
        found.update(rule.applies_when.site_value_sets, rule.applies_when.not_site_value_sets)
    return found
