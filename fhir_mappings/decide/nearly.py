"""Why a rule did not fire: what it looks for was there, but one of its members kept it out.

Each input is asked again with one member less, by the same interpreter; what it then finds is what
that member kept out. Only for people who ask: no screening pays for it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from fhir_mappings.decide.rules.found import Match
from fhir_mappings.decide.rules.match import matches
from fhir_mappings.decide.rules.run import Ran
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.rules.weigh import reported
from fhir_mappings.model.finding import Evidence
from fhir_mappings.model.member import Reading
from fhir_mappings.model.rule import Input, Rule

SEVERAL: Final = "several"
"""More than one member kept it out."""
YIELDED: Final = "givesWayTo"
"""It counted, and another rule tells of it."""
ALONE: Final = "all"
"""One input of several that must match together."""
ANSWERED: Final = "none"
"""The rule asks whether it is missing."""

_PLAIN: Final[Mapping[str, Mapping[str, Any]]] = {
    "onlyWhen": {"only_when": None},
    "withinDays": {"within_days": None},
    "olderThanDays": {"older_than_days": None},
    "needsDate": {"needs_date": False},
    "minCount": {"min_count": None},
    "criticality": {"criticality": None},
    "hints": {"hints": frozenset(Reading)},
}


class Nearly(msgspec.Struct, frozen=True, kw_only=True):
    """What was there and did not count, and the member of the input that kept it out."""

    member: str
    evidence: tuple[Evidence, ...]


def nearly(scene: Scene, rule: Rule, ran: Ran) -> tuple[Nearly, ...]:
    """Return what nearly made a rule fire that was evaluated and did not."""
    asked = [one for one in rule.inputs if one.check is None and one.value_sets]
    return tuple(dict.fromkeys(near for one in asked for near in _near(scene, rule, one, ran)))


def _near(scene: Scene, rule: Rule, wanted: Input, ran: Ran) -> Iterator[Nearly]:
    found = _found(scene, rule, wanted)
    if found:
        yield _told(scene, rule, _together(rule, ran), found)
        return
    kept_out = False
    for member, changed in _relaxed(scene, wanted):
        found = _found(scene, rule, changed, presence=member == "value")
        if found:
            kept_out = True
            yield _told(scene, rule, member, found)
    if not kept_out:
        found = _found(scene, rule, _bare(scene, wanted), presence=True)
        if found:
            yield _told(scene, rule, SEVERAL, found)


def _together(rule: Rule, ran: Ran) -> str:
    """Say why a rule did not fire though this input matches."""
    if rule.match == "any" or rule.id in ran.held:
        return YIELDED
    return ALONE if rule.match == "all" else ANSWERED


def _found(scene: Scene, rule: Rule, wanted: Input, *, presence: bool = False) -> list[Match]:
    found = matches(scene, wanted, rule.action, presence=presence)
    return [*found.kept, *found.asked]


def _told(scene: Scene, rule: Rule, member: str, found: Iterable[Match]) -> Nearly:
    told = {reported(rule.id, rule.action, one, scene).evidence for one in found}
    return Nearly(member=member, evidence=tuple(sorted(told)))


def _relaxed(scene: Scene, wanted: Input) -> Iterator[tuple[str, Input]]:
    """Yield the input with each member of it taken away that restricts what it finds."""
    for member, change in _PLAIN.items():
        changed = msgspec.structs.replace(wanted, **change)
        if changed != wanted:
            yield member, changed
    yield "status", msgspec.structs.replace(wanted, status=_widest(scene))
    if wanted.value is not None or wanted.value_means is not None:
        yield "value", wanted


def _bare(scene: Scene, wanted: Input) -> Input:
    changes = {name: value for change in _PLAIN.values() for name, value in change.items()}
    return msgspec.structs.replace(wanted, **changes, status=_widest(scene))


def _widest(scene: Scene) -> str:
    """Return the filter of the pack that keeps most states."""
    filters = scene.content.status_filters
    return max(filters, key=lambda name: len(filters[name].keeps))
