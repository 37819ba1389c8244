"""What a person should know of a pack before relying on it: what acts, what no source backs."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

import msgspec

from fhir_mappings.decide.rules.plan import plan_of
from fhir_mappings.model.condition import NewerAnswer, NewestValue, OtherClass
from fhir_mappings.model.pack import Pack, Signature
from fhir_mappings.model.rule import Input, Rule
from fhir_mappings.terms.packs import LOCAL


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold of a rule, and where it comes from; `value` is None where it is a table."""

    rule: str
    what: str
    value: Decimal | None
    unit: str
    origin: str


class Unreachable(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that no referral can make fire, and what keeps it."""

    rule: str
    why: str


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Two sets that list the same codes though neither is said to include the other."""

    sets: tuple[str, str]
    codes: int
    example: str


class PackFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack holds.

    `partial` rules have something that stands only in words; `unsourced` numbers no source, so
    somebody has to sign them; `dangling` sets neither codes nor words, so nothing can match them.
    `signature` is None until a clinic's reviewer has signed the content, and may be one that does
    not count.
    """

    name: str
    version: str
    digest: str
    rules: int
    by_action: dict[str, int]
    by_kind: dict[str, int]
    codes: dict[str, int]
    partial: tuple[str, ...]
    unsourced: tuple[Number, ...]
    dangling: tuple[str, ...]
    unreachable: tuple[Unreachable, ...]
    signature: Signature | None

    @property
    def signed(self) -> bool:
        """Tell whether a signature counts for the pack as it is."""
        return self.signature is not None and self.signature.counts


def check_pack(pack: Pack) -> PackFacts:
    """Gather what `tpi pack check`, `doctor` and a decision's footer tell of a pack."""
    rules = pack.content.rules
    dangling = _dangling(pack)
    return PackFacts(
        name=pack.name,
        version=pack.version,
        digest=pack.digest,
        rules=len(rules),
        by_action=dict(Counter(str(rule.action) for rule in rules)),
        by_kind=dict(Counter(str(rule.kind) for rule in rules)),
        codes={system: len(listed) for system, listed in sorted(pack.codes.items())},
        partial=pack.partial,
        unsourced=tuple(one for one in numbers(pack) if LOCAL in one.origin),
        dangling=dangling,
        unreachable=tuple(_unreachable(pack, frozenset(dangling))),
        signature=pack.signature,
    )


def numbers(pack: Pack) -> tuple[Number, ...]:
    """Return every threshold, in the order of the pack."""
    return tuple(
        Number(rule=rule.id, what=one.what, value=one.value, unit=one.unit, origin=one.origin)
        for rule in pack.content.rules
        for one in rule.thresholds
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


def _unreachable(pack: Pack, dangling: frozenset[str]) -> Iterator[Unreachable]:
    for rule in pack.content.rules:
        if why := _never(rule, plan_of(pack).variants, dangling):
            yield Unreachable(rule=rule.id, why=why)


def _never(rule: Rule, variants: frozenset[str], dangling: frozenset[str]) -> str:
    """Say what keeps a rule from ever firing, "" where nothing does."""
    applies = rule.applies_when
    youngest, oldest = applies.age_min_years, applies.age_max_years
    if applies.variants.isdisjoint(variants):
        return "no order has one of its variants"
    if youngest is not None and oldest is not None and youngest > oldest:
        return "nobody is of its ages"
    needed = [*applies.preconditions]
    if rule.match in {"all", "firstWithoutRest"}:
        needed += rule.inputs if rule.match == "all" else rule.inputs[:1]
    alone = rule.match == "any" and all(_blind(one, dangling) for one in rule.inputs)
    return "its sets never match" if alone or any(_blind(one, dangling) for one in needed) else ""


def _blind(one: Input, dangling: frozenset[str]) -> bool:
    return bool(one.value_sets) and one.check is None and one.value_sets <= dangling


def overlaps(pack: Pack) -> tuple[Overlap, ...]:
    """Return the pairs of sets with codes in common, unions and their members aside."""
    unions = pack.content.includes.keys()
    shared: dict[tuple[str, str], list[str]] = {}
    for system, listed in pack.codes.items():
        for code, one in listed.items():
            for first, second in combinations(sorted(one.sets - unions), 2):
                shared.setdefault((first, second), []).append(f"{system}|{code}")
    return tuple(
        Overlap(sets=pair, codes=len(codes), example=min(codes))
        for pair, codes in sorted(shared.items())
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
