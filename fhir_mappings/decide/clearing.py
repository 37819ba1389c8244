"""What would clear a finding: data, a decision, time, or a drug that is stopped.

Days are found by running the same screening for later days, and each is confirmed so: the day
before the finding still stands, on the day it does not. What takes its place is told with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from fhir_mappings.decide.access import staff_who_may
from fhir_mappings.decide.course import Course, Stretch, course_of
from fhir_mappings.decide.review import lifts as verdict_lifts
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.wanted_data import wanted_data
from fhir_mappings.model.caller import Verb
from fhir_mappings.model.fact import Entry, Facts
from fhir_mappings.model.finding import Action, Finding, FindingKind, Screening
from fhir_mappings.model.lift import Decision, Instead, Lift, Stopped, Time
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.review import Verdict
from fhir_mappings.model.when import Dated, Days, later

_NOTHING: Final = Action.INFO.weight

_Judged: TypeAlias = tuple[date, Sequence[Finding]]
"""The first day of a stretch, and what stands against each of its days."""


def with_lifts(course: Course, screening: Screening) -> Screening:
    """Return a screening of a course whose gating findings say what would lift them."""
    if not any(one.gates for one in screening.findings):
        return screening
    asked = _Asked(course, screening)
    told = (
        replace(one, lifts=tuple(asked.lifts(one))) if one.gates else one
        for one in screening.findings
    )
    return replace(screening, findings=tuple(told))


def screen_with_lifts(
    facts: Facts, pack: Pack, *, day: date, planned: date | None, variant: str | None
) -> Screening:
    """Screen as `decide.screening.screen` does; gating findings say what would lift them."""
    course = course_of(facts, pack, day=day, variant=variant)
    return with_lifts(course, course.screening(planned))


def decision(found: Finding) -> Decision:
    """Say whose word lifts a gating finding."""
    by_approval = verdict_lifts(Verdict.APPROVE, found)
    verb = Verb.APPROVE if by_approval else Verb.OVERRIDE
    return Decision(roles=staff_who_may(verb), by_approval=by_approval)


class _Fall(msgspec.Struct, frozen=True, kw_only=True):
    """From which day on a finding asks for less, until when, and what stands on that day."""

    first: date
    last: date | None
    eased: bool
    held: Sequence[Finding]


class _Asked:
    """One screening whose findings are asked what would lift them."""

    def __init__(self, course: Course, screening: Screening) -> None:
        self._course, self._day = course, course.day
        self._scene = course.scene(screening)
        gating = [one for one in screening.findings if one.gates]
        self._gating = frozenset(one.rule for one in gating)
        self._known = frozenset((one.rule, about) for one in gating for about in _about(one))
        self._planned = max(screening.planned, course.day)
        self._ended: dict[tuple[frozenset[str], date], list[_Judged]] = {}

    def lifts(self, found: Finding) -> Iterator[Lift]:
        """Yield everything that would lift a finding that gates."""
        yield from wanted_data(self._course, self._scene, found)
        yield from self._by_time(found)
        yield from self._by_stopping(found)
        yield decision(found)

    @cached_property
    def _from_planned(self) -> list[Stretch]:
        return list(self._course.stretches(self._planned))

    @cached_property
    def _from_today(self) -> list[_Judged]:
        """Return what screenings on the days themselves will find."""
        same = self._planned == self._day
        stretches = self._from_planned if same else self._course.coming(self._day)
        return [(one.first, one.then.findings) for one in stretches]

    def _by_time(self, found: Finding) -> Iterator[Time]:
        """Tell what can be told today, else what a screening on the day itself will say."""
        known = list(self._falls(found, [(one.first, one.either) for one in self._from_planned]))
        for fall in known or self._falls(found, self._from_today):
            yield Time(
                first=fall.first,
                last=fall.last,
                eased=fall.eased,
                instead=self._instead(fall),
                known=bool(known),
            )

    def _by_stopping(self, found: Finding) -> Iterator[Stopped]:
        """Suppose that what is in use is last taken today, or on the day that the record tells.

        Not for a finding that wants data: what is not understood is no reason to stop a drug.
        """
        used = [one for one in _medications(self._scene, found) if _in_use(self._scene, one)]
        if not used or found.kind is FindingKind.DATA:
            return
        told = _told_end(used)
        for on in sorted({self._day, told or self._day}):
            for fall in self._falls(found, self._if_ended(used, on)):
                yield Stopped(
                    first=fall.first,
                    last=fall.last,
                    eased=fall.eased,
                    instead=self._instead(fall),
                    what=_words(found, used),
                    on=on,
                    told=on == told,
                )

    def _if_ended(self, used: Iterable[Entry], on: date) -> list[_Judged]:
        """Return what screenings on the days themselves will find if these uses end on a day."""
        ended = {one.key: _ended(one, on) for one in used}
        key = (frozenset(ended), on)
        if key not in self._ended:
            course = self._course.ending(ended).coming(on)
            self._ended[key] = [(one.first, one.then.findings) for one in course]
        return self._ended[key]

    def _falls(self, found: Finding, course: Iterable[_Judged]) -> Iterator[_Fall]:
        """Yield where a finding first asks for less, and where it first asks for nothing."""
        weighed = [(first, self._weight(found, held), held) for first, held in course]
        asks = found.action.weight
        for place, (first, weight, held) in enumerate(weighed):
            if weight >= asks:
                continue
            if place == 0:  # it does not stand on the day before, as far as that was looked at
                return
            again = next((day for day, more, _ in weighed[place:] if more > weight), None)
            yield _Fall(
                first=first,
                last=later(again, -1) if again else None,
                eased=weight > _NOTHING,
                held=held,
            )
            asks = weight

    def _weight(self, found: Finding, held: Iterable[Finding]) -> int:
        """Weigh a finding on another day: its rule, and what has come up about its evidence."""
        about = _about(found)
        return max(
            (
                one.action.weight
                for one in held
                if one.rule == found.rule or self._comes_up(one, about)
            ),
            default=0,
        )

    def _comes_up(self, one: Finding, about: frozenset[str]) -> bool:
        """Say whether another rule's finding is new for one of these resources."""
        return any(
            each.reference in about and (one.rule, each.reference) not in self._known
            for each in one.evidence
        )

    def _instead(self, fall: _Fall) -> tuple[Instead, ...]:
        new = {one.rule: one.title for one in fall.held if one.gates}
        return tuple(
            Instead(rule=rule, title=title)
            for rule, title in new.items()
            if rule not in self._gating
        )


def _about(found: Finding) -> frozenset[str]:
    """Return the resources that a finding is about."""
    return frozenset(one.reference for one in found.evidence if one.reference)


def _medications(scene: Scene, found: Finding) -> Iterator[Entry]:
    """Yield the medications among the evidence of a finding."""
    for entry in scene.entries:
        if entry.use is not None and any(
            one.reference == entry.reference and one.path.startswith(entry.root)
            for one in found.evidence
        ):
            yield entry


def _in_use(scene: Scene, entry: Entry) -> bool:
    """Say whether the end of a use is still to come, or is not told."""
    use, row = entry.use, scene.plan.states.get(entry.rtype)
    if use is None or row is None:
        return False
    finished = row.ends(entry.marks.get(row.element, frozenset[str]()))
    end = use.end or (use.end_if_finished if finished else None)
    return end is None or end.days.last >= scene.day.at


def _told_end(used: Iterable[Entry]) -> date | None:
    """Return the last day that the record tells of any of them, None where one has no end."""
    ends = [one.use.end.days.last if one.use and one.use.end else date.max for one in used]
    return max(ends) if max(ends) < date.max else None


def _ended(entry: Entry, on: date) -> Entry:
    """Suppose that a day was the last of use, whatever was handed over before."""
    end = Dated(days=Days(first=on, last=on), words=on.isoformat())
    use = replace(entry.use, end=end, handed_over=False) if entry.use else None
    return replace(entry, use=use)


def _words(found: Finding, entries: Iterable[Entry]) -> tuple[str, ...]:
    references = {one.reference for one in entries}
    said = (one.value for one in found.evidence if one.reference in references)
    return tuple(dict.fromkeys(said))
