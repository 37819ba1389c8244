"""How the screening of one order comes out from day to day while nothing new is learned.

The same screening is run again, not a second formula: each run says until which day it holds
(`decide.rules.day`), so a year takes as many runs as it has turns, as a rule a handful.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import msgspec

from fhir_mappings.decide.rules.order import planned_day
from fhir_mappings.decide.rules.run import Ruled, audible
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.screening import scene_of, screening_of
from fhir_mappings.model.fact import Entry, Facts
from fhir_mappings.model.finding import Finding, Screening
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Rule
from fhir_mappings.model.when import later

DAYS_AHEAD: Final = 400
"""How many days are looked at: a year, and what may be booked beyond it."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Days, from the first of them, on each of which an injection is judged the same.

    `now` is what the screening of today finds for them, `then` what a screening on the day itself
    will find if no data come: it is made at arrival, and ends and abatements have passed by then.
    """

    first: date
    now: Screening
    then: Screening

    @property
    def either(self) -> tuple[Finding, ...]:
        """Return what stands against these days, today or on the day."""
        if self.now is self.then:
            return self.now.findings
        return (*self.now.findings, *self.then.findings)


class Course:
    """One order as it is known on the day of screening, to be judged for this day or that."""

    def __init__(
        self,
        scene: Scene,
        known: Mapping[str, Ruled] | None = None,
        *,
        first: tuple[Rule, ...] | None = None,
    ) -> None:
        """Begin with a scene on the day of screening; it is not run itself.

        `known` is what rules said elsewhere that holds here too; `first` are the rules that may say
        something, where that was worked out elsewhere.
        """
        self.day = scene.day.at
        self._first = audible(scene) if first is None else first
        self._scene = scene
        self._runs: dict[tuple[date, date], _Ran] = {}
        self._today = dict(known or {})
        self._later = dict(known or {})

    def screening(self, planned: date | None) -> Screening:
        """Screen as `decide.screening.screen` does; None: for the day that the order wishes."""
        wished = planned_day(self._scene.facts, day=self.day, planned=planned)
        return self._run(self.day, wished).said

    def scene(self, screening: Screening) -> Scene:
        """Return the scene of one of the course's screenings, as it was left by the run."""
        return self._run(screening.day, screening.planned).scene

    def supposing(self, entries: Mapping[str, Entry]) -> "Course":
        """Return the course that would be with other dates or marks of entries, by their keys."""
        return Course(self._scene.supposing(entries), first=self._first)

    def ending(self, medications: Mapping[str, Entry]) -> "Course":
        """Return the course that would be with other uses of medications, and nothing else.

        What rules said that did not ask about these uses holds there too.
        """
        unasked = {
            rule: said
            for rule, said in self._today.items()
            if said.uses.isdisjoint(medications.keys())
        }
        return Course(self._scene.supposing(medications), unasked, first=self._first)

    def stretches(self, first: date) -> Iterator[Stretch]:
        """Yield what stands against a day and the 400 after it; not before the day of screening.

        While no comparison with the day of screening comes out otherwise, a screening on the day
        itself is the one of today.
        """
        first = max(first, self.day)
        end = later(first, DAYS_AHEAD)
        while first <= end:
            now = self._run(self.day, first)
            then = now if first <= now.scene.day.holds else self._on_the_day(first)
            yield Stretch(first=first, now=now.said, then=then.said)
            first = min(now.scene.planned.holds, then.holds)
            if first == date.max:
                return
            first = later(first, 1)

    def coming(self, first: date) -> Iterator[Stretch]:
        """Yield what screenings on the days themselves will find, today's left out."""
        end = later(first, DAYS_AHEAD)
        while first <= end:
            then = self._on_the_day(first)
            yield Stretch(first=first, now=then.said, then=then.said)
            if then.holds == date.max:
                return
            first = later(then.holds, 1)

    def _run(self, day: date, planned: date) -> "_Ran":
        return self._ran(day, planned, self._today)

    def _on_the_day(self, day: date) -> "_Ran":
        return self._ran(day, day, self._later)

    def _ran(self, day: date, planned: date, rules: dict[str, Ruled]) -> "_Ran":
        known = self._runs.get((day, planned))
        if known is None:
            scene = self._scene.on(day=day, planned=planned)
            said = screening_of(scene, rules, first=self._first)
            known = self._runs[day, planned] = _Ran(scene=scene, said=said)
        return known


def course_of(facts: Facts, pack: Pack, *, day: date, variant: str | None) -> Course:
    """Read an order for all days at once.

    Raises:
        Refused: `parameter-value`, a variant that the pack does not know.
    """
    return Course(scene_of(facts, pack, day=day, planned=None, variant=variant))


class _Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A scene after its run, and what the run said."""

    scene: Scene
    said: Screening

    @property
    def holds(self) -> date:
        """Return the last day on which a screening on the day itself says the same."""
        return min(self.scene.planned.holds, self.scene.day.holds)
