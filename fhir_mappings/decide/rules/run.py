"""All rules over one scene, in the order that the pack prescribes.

Source: rules.md of the content pack, Order of evaluation.
"""

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from fhir_mappings.decide.rules.applies import why_not
from fhir_mappings.decide.rules.found import Match, Reported, absent, first_element
from fhir_mappings.decide.rules.match import Matches, matches
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.rules.weigh import give_way, reported, weighed
from fhir_mappings.model.check import StatusUnknown
from fhir_mappings.model.rule import Input, Rule


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules reported, by rule, and why those that were not evaluated were not."""

    held: dict[str, list[Reported]]
    not_applicable: dict[str, str]
    failed: tuple[str, ...]


class Ruled(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule said, with the days of screening and the planned days for which that holds.

    `asked` are its matches whose state is only asked about, `uses` the medications about whose use
    it asked.
    """

    barred: str
    reports: tuple[Reported, ...]
    asked: tuple[tuple[Rule, Match], ...]
    failed: bool
    uses: frozenset[str]
    days: tuple[date, date]
    planned: tuple[date, date]

    def holds(self, day: date, planned: date) -> bool:
        """Say whether it would say the same on other days of the same scene."""
        return self.days[0] <= day <= self.days[1] and self.planned[0] <= planned <= self.planned[1]


class Run:
    """One pass over the rules of a pack."""

    def __init__(
        self,
        scene: Scene,
        known: dict[str, Ruled] | None = None,
        *,
        first: tuple[Rule, ...],
    ) -> None:
        """Begin with nothing found.

        `known` is what the rules said on other days of the same scene: what holds still is not
        worked out again, and what is found anew is left there. `first` are the rules that stand
        alone: those that are audible, or every one to know of each why it said nothing.
        """
        self._scene = scene
        self._first = first
        self._known = {} if known is None else known
        self._held: dict[str, list[Reported]] = {}
        self._asked: list[tuple[Rule, Match]] = []
        self._not: dict[str, str] = {}
        self._failed: list[str] = []

    def all(self) -> Ran:
        """Evaluate the rules: those that stand alone, then those that look at findings."""
        plan = self._scene.plan
        day, planned = self._scene.day.at, self._scene.planned.at
        for rule in self._first:
            known = self._known.get(rule.id)
            if known is None or not known.holds(day, planned):
                known = self._known[rule.id] = ruled(self._scene, rule)
            self._take(rule, known)
        self._ask()
        give_way(plan.giving, self._held)
        self._remember()
        for rule in plan.last:
            self._take(rule, ruled(self._scene, rule))
        self._tell_failures()
        return Ran(held=self._held, not_applicable=self._not, failed=tuple(self._failed))

    def _take(self, rule: Rule, said: Ruled) -> None:
        self._scene.day.hold_to(said.days[1])
        self._scene.planned.hold_to(said.planned[1])
        if said.barred:
            self._not[rule.id] = said.barred
            return
        if said.failed:
            self._failed.append(rule.id)
        self._asked += said.asked
        for one in said.reports:
            self._held.setdefault(one.rule, []).append(one)

    def _ask(self) -> None:
        """Tell of matches whose state is only asked about, where a check wants to know."""
        for rule, wanted in self._scene.plan.ask_states:
            for asker, match in self._asked:
                if rule.id not in self._not and _matters(wanted, asker, match):
                    self._add(rule, wanted, match)

    def _tell_failures(self) -> None:
        """Tell of rules that failed and of resources that must not be read as they stand."""
        for rule, wanted in self._scene.plan.tell_failures:
            for name in self._failed:
                match = absent(f"{wanted.resource_types[0]}.{wanted.element}")
                self._add(rule, wanted, msgspec.structs.replace(match, shown=name))
            for one in self._scene.facts.unread:
                match = absent(one.path)
                told = msgspec.structs.replace(
                    match, named=one.reference, version=one.version, how="value"
                )
                self._add(rule, wanted, told)

    def _add(self, rule: Rule, wanted: Input, match: Match) -> None:
        action = wanted.action or rule.action
        one = reported(rule.id, action, match, self._scene)
        self._held.setdefault(rule.id, []).append(one)

    def _remember(self) -> None:
        self._scene.fired = {
            rule: frozenset({max((one.action for one in held), key=lambda one: one.weight)})
            for rule, held in self._held.items()
            if held
        }


def audible(scene: Scene) -> tuple[Rule, ...]:
    """Return the rules that stand alone and may say something of this chart, whatever the day.

    Most rules look for codes and words of their sets and for nothing else, and nothing on the chart
    may name one of them. Where that cannot be read every rule is carried out, and tells of it.
    """
    plan = scene.plan
    try:
        present = scene.present
    except Exception:  # noqa: BLE001 - each rule meets it again and becomes a finding that names it
        return plan.first
    return tuple(
        rule
        for rule in plan.first
        if (sets := plan.listens_for[rule.id]) is None or not present.isdisjoint(sets)
    )


def ruled(scene: Scene, rule: Rule) -> Ruled:
    """Carry out one rule that stands alone, or one that looks at what the others found."""
    before = scene.day.forget(), scene.planned.forget()
    scene.uses = set()
    barred, failed = "", False
    reports: tuple[Reported, ...] = ()
    asked: list[tuple[Rule, Match]] = []
    try:
        barred = why_not(scene, rule)
        reports = () if barred else tuple(_evaluated(scene, rule, asked))
    except Exception:  # noqa: BLE001 - whatever a rule stumbles on must become a finding that names it, never an outcome without it
        failed = True
    said = Ruled(
        barred=barred,
        reports=reports,
        asked=tuple(asked),
        failed=failed,
        uses=frozenset(scene.uses),
        days=(scene.day.at, scene.day.holds),
        planned=(scene.planned.at, scene.planned.holds),
    )
    scene.day.hold_to(before[0])
    scene.planned.hold_to(before[1])
    return said


def matched(scene: Scene, rule: Rule) -> tuple[tuple[Input, Match], ...]:
    """Return what the inputs of a rule match on a scene that was run, nothing where it stumbles."""
    try:
        found = [(one, matches(scene, one, rule.action)) for one in rule.inputs]
    except Exception:  # noqa: BLE001 - the run told of it already; what would mend it cannot be said
        return ()
    return tuple((wanted, match) for wanted, one in found for match in _every(one))


def _matters(wanted: Input, asker: Rule, match: Match) -> bool:
    if match.entry is None or match.entry.rtype not in wanted.resource_types:
        return False
    sets = match.hit.sets if match.hit else frozenset[str]()
    check = wanted.check
    by_action = isinstance(check, StatusUnknown) and asker.action in check.actions
    return by_action or not sets.isdisjoint(wanted.value_sets)


def _evaluated(scene: Scene, rule: Rule, asked: list[tuple[Rule, Match]]) -> Iterator[Reported]:
    """Yield what a rule reports, by how its inputs must match together."""
    match rule.match:
        case "any":
            for one in rule.inputs:
                found = matches(scene, one, rule.action)
                asked.extend((rule, match) for match in found.asked)
                yield from _reports(scene, rule, one, found.kept)
        case "all":
            yield from _all(scene, rule, asked)
        case "none":
            yield from _none(scene, rule)
        case "firstWithoutRest":
            yield from _first_without_rest(scene, rule, asked)


def _reports(scene: Scene, rule: Rule, wanted: Input, found: Iterable[Match]) -> Iterator[Reported]:
    for match in found:
        one = weighed(scene, rule, wanted, match)
        if one:
            yield one


def _every(found: Matches) -> tuple[Match, ...]:
    """Count a match whose state is only asked about as a match too."""
    return (*found.kept, *found.asked)


def _all(scene: Scene, rule: Rule, asked: list[tuple[Rule, Match]]) -> Iterator[Reported]:
    found = [(one, matches(scene, one, rule.action)) for one in rule.inputs]
    asked.extend((rule, match) for _, one in found for match in one.asked)
    if all(_every(one) for _, one in found):
        for wanted, one in found:
            yield from _reports(scene, rule, wanted, _every(one))


def _none(scene: Scene, rule: Rule) -> Iterator[Reported]:
    if not any(_every(matches(scene, one, rule.action)) for one in rule.inputs):
        first = rule.inputs[0]
        path = f"{first.resource_types[0]}.{first_element(first)}"
        yield from _reports(scene, rule, first, (absent(path),))


def _first_without_rest(
    scene: Scene, rule: Rule, asked: list[tuple[Rule, Match]]
) -> Iterator[Reported]:
    first, *rest = rule.inputs
    found = matches(scene, first, rule.action)
    asked.extend((rule, match) for match in found.asked)
    others = (_every(matches(scene, one, rule.action, presence=True)) for one in rest)
    if _every(found) and not any(others):
        yield from _reports(scene, rule, first, _every(found))
