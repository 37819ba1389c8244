"""Which drug group's wash-out and supply count for a match.

Source: rules.md of the content pack, Wash-out table ("By-drug").
"""

import re
from functools import lru_cache
from typing import Final

from fhir_mappings.decide.rules.scene import Hit, Scene
from fhir_mappings.model.content import Washout
from fhir_mappings.model.fact import Coding
from fhir_mappings.model.rule import Input

BY_DRUG: Final = "by-drug"
UNTOLD: Final = "unknown"
"""The two keys that the form of packs reserves: look the drug up; the drug cannot be told."""


def groups_of(scene: Scene, wanted: Input, hit: Hit) -> tuple[Washout, ...]:
    """Return the drug groups of a match; of several the longest wash-out counts."""
    if wanted.washout not in (None, BY_DRUG):
        return (scene.content.washouts[str(wanted.washout)],)
    key = (id(hit.said), hit.how, hit.words, hit.sets)
    known = scene.groups.get(key)
    if known is None:
        known = scene.groups[key] = _by_drug(scene, hit)
    return known


def _by_drug(scene: Scene, hit: Hit) -> tuple[Washout, ...]:
    """Return the groups whose sets hold it and whose names match, else the default ones."""
    table = scene.content.washouts
    held = _sets(scene, hit)
    near = [one for one in table.values() if not held.isdisjoint(one.sets)]
    named = [one for one in near if one.names and _names(one.names, hit.words)]
    return tuple(named or [one for one in near if one.default] or [table[UNTOLD]])


def _sets(scene: Scene, hit: Hit) -> frozenset[str]:
    """Return every set that holds what was matched, not only those that the input wants."""
    if hit.how == "code":
        return frozenset[str]().union(*(_code_sets(scene, one, hit) for one in hit.said.codings))
    tabled = {name for one in scene.content.washouts.values() for name in one.sets}
    return frozenset(
        name for name in tabled if any(scene.named(text, name) for text in scene.texts(hit.said))
    )


def _code_sets(scene: Scene, coding: Coding, hit: Hit) -> frozenset[str]:
    sets = scene.plan.codes.listed(coding).sets
    return sets if sets & hit.sets else frozenset()


def _names(pattern: str, words: tuple[str, ...]) -> bool:
    return any(_compiled(pattern).search(one) for one in words)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
