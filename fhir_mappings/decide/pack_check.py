"""What a person should know of a pack before relying on it: what acts, what no source backs."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from fhir_mappings.decide.rules.plan import plan_of
from fhir_mappings.model.condition import NewerAnswer, NewestValue, OtherClass
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Rule

LOCAL: Final = "local-default"
"""The word with which an origin says that no source was read for a number."""


class Unsourced(msgspec.Struct, frozen=True, kw_only=True):
    """A number of a rule that somebody has to sign; `value` is None where it is a table."""

    rule: str
    what: str
    value: Decimal | None
    unit: str
    origin: str


class PackFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack holds.

    `partial` rules have something that stands only in words; `unsourced` numbers no source;
    `dangling` sets neither codes nor words, so nothing can match them. `signed` is False until a
    clinic's reviewer has signed the content.
    """

    name: str
    version: str
    digest: str
    rules: int
    by_action: dict[str, int]
    by_kind: dict[str, int]
    codes: dict[str, int]
    partial: tuple[str, ...]
    unsourced: tuple[Unsourced, ...]
    dangling: tuple[str, ...]
    signed: bool


def check_pack(pack: Pack) -> PackFacts:
    """Gather what `tpi pack check`, `doctor` and a decision's footer tell of a pack."""
    rules = pack.content.rules
    return PackFacts(
        name=pack.name,
        version=pack.version,
        digest=pack.digest,
        rules=len(rules),
        by_action=dict(Counter(str(rule.action) for rule in rules)),
        by_kind=dict(Counter(str(rule.kind) for rule in rules)),
        codes={system: len(listed) for system, listed in sorted(pack.codes.items())},
        partial=pack.partial,
        unsourced=tuple(_unsourced(rules)),
        dangling=_dangling(pack),
        signed=pack.content.clinically_reviewed,
    )


def _unsourced(rules: tuple[Rule, ...]) -> Iterator[Unsourced]:
    for rule in rules:
        for one in rule.thresholds:
            if LOCAL in one.origin:
                yield Unsourced(
                    rule=rule.id, what=one.what, value=one.value, unit=one.unit, origin=one.origin
                )


def _dangling(pack: Pack) -> tuple[str, ...]:
    """Name the sets that rules look for and nothing can match."""
    coded = {name for listed in pack.codes.values() for one in listed.values() for name in one.sets}
    patterns = plan_of(pack).patterns
    worded = pack.texts.patterns
    wanted = {name for rule in pack.content.rules for name in _sets(rule)}
    return tuple(
        name
        for name in sorted(wanted - coded)
        if not any(_speaks(pack, one) for one in patterns.lists_of(name) if one in worded)
    )


def _speaks(pack: Pack, name: str) -> bool:
    held = pack.texts.patterns[name]
    return bool(held.ignore_case or held.case_sensitive)


def _sets(rule: Rule) -> Iterator[str]:
    applies = rule.applies_when
    yield from applies.site_value_sets
    yield from applies.not_site_value_sets
    for one in (*rule.inputs, *applies.preconditions):
        yield from one.value_sets
        yield from one.means_sets
        for condition in (step.when for step in one.adjust):
            if isinstance(condition, NewestValue | NewerAnswer):
                yield from condition.value_sets
            elif isinstance(condition, OtherClass):
                yield from condition.classes
