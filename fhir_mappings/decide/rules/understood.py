"""Whether an entry is understood, and whether a list is said to be empty.

Source: rules.md of the content pack, Understanding, Explicit none.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.model.check import NotUnderstood
from fhir_mappings.model.content import ExplicitNone
from fhir_mappings.model.fact import Coding, Said
from fhir_mappings.model.member import ListName


def understood(scene: Scene, said: Iterable[Said], check: NotUnderstood) -> bool:
    """Say whether one of the concepts is understood."""
    return any(_understood(scene, one, check) for one in said)


def _understood(scene: Scene, said: Said, check: NotUnderstood) -> bool:
    if any(_code_is(scene, one, said, check) for one in said.codings):
        return True
    if check.none is not None and denies(scene, said, check.none):
        return True
    names, looked = scene.names(said), scene.plan.looked
    near = {one for rtype in check.words_of for one in names & looked.get(rtype, frozenset())}
    return any(
        any(scene.recognised(text, name) for name in near) or scene.plan.patterns.benign(text)
        for text in scene.texts(said)
    )


def _code_is(scene: Scene, coding: Coding, said: Said, check: NotUnderstood) -> bool:
    codes, none = scene.plan.codes, scene.content.explicit_none
    if codes.settles(coding) or _says_none(none, _key(coding)):
        return True
    if check.known_code_needs == "understoodWords" or not codes.known(coding):
        return False
    return any(scene.plan.patterns.familiar(one) for one in (coding.display, *said.texts))


def _key(coding: Coding) -> str:
    return f"{coding.system}|{coding.code}"


def _says_none(none: ExplicitNone, key: str) -> bool:
    held = (none.no_information, none.partial, *(none.of(one) for one in ListName))
    return any(key in one for one in held)


def denies(scene: Scene, said: Said, name: ListName) -> bool:
    """Say whether this says that the list is empty, by code or by words."""
    none = scene.content.explicit_none
    keys = {_key(one) for one in said.codings}
    if not keys.isdisjoint(none.of(name)):
        return True
    if not keys.isdisjoint(none.partial) or not keys.isdisjoint(none.no_information):
        return False
    return any(_compiled(one).search(text) for one in none.text for text in scene.texts(said))


def usable(scene: Scene, said: Said) -> bool:
    """Say whether a concept tells anything: a code or words, not that nothing is known."""
    none = scene.content.explicit_none
    keys = {_key(one) for one in said.codings if one.code}
    empty = keys & {*none.no_information, *none.partial}
    return bool(said.texts or keys or any(one.display for one in said.codings)) and not empty


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
