"""Observations that answer yes or no: by boolean, by code, else by words, no before yes.

Source: rules.md of the content pack, Members (`valueMeans`, `answers`), Conditions (`newerAnswer`).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from fhir_mappings.decide.rules.looking import observed
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.model.condition import NewerAnswer
from fhir_mappings.model.fact import Coding, Value
from fhir_mappings.model.member import Answer
from fhir_mappings.model.when import Days


def answer(scene: Scene, value: Value | None, means_sets: Iterable[str] = ()) -> Answer | None:
    """Return what a value answers, None when it answers nothing."""
    if value is None:
        return None
    if value.flag is not None:
        return "positive" if value.flag else "negative"
    return _coded(scene, value.codings, frozenset(means_sets)) or _worded(scene, value.words)


def _coded(scene: Scene, codings: Iterable[Coding], means: frozenset[str]) -> Answer | None:
    answers = scene.content.answers
    keys = {f"{one.system}|{one.code}" for one in codings}
    if not keys.isdisjoint(answers.negative):
        return "negative"
    named = any(scene.plan.codes.listed(one).sets & means for one in codings)
    return "positive" if named or not keys.isdisjoint(answers.positive) else None


def _worded(scene: Scene, words: Iterable[str]) -> Answer | None:
    answers = scene.content.answers
    text = "\n".join(scene.cut.read(one) for one in words)
    if _found(answers.negative_text, text):
        return "negative"
    return "positive" if _found(answers.positive_text, text) else None


def _found(patterns: tuple[str, ...], text: str) -> bool:
    return any(_compiled(one).search(text) for one in patterns)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def answered_after(scene: Scene, condition: NewerAnswer, days: Days) -> bool:
    """Say whether an Observation dated wholly after these days gives the answer."""
    return any(
        entry.dated is not None
        and entry.dated.days.first > days.last
        and answer(scene, hit.said.value) == condition.answer
        for entry, hit in observed(scene, condition.value_sets, words=False)
    )
