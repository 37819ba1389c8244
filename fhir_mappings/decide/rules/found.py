"""A match of an input, and what a rule reports of it."""

import msgspec

from fhir_mappings.decide.rules.scene import Hit
from fhir_mappings.model.fact import Entry, Person
from fhir_mappings.model.finding import Action, Evidence
from fhir_mappings.model.member import Reading, State
from fhir_mappings.model.rule import Input


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One place that makes an input match; `entry` is None where something is absent.

    `place` is the path up to the medication or contained part. `hit` is what named the wanted
    set, None for checks and for inputs that match by presence. `at_carrier` says that it stands
    elsewhere than where the input looks, `most` the strongest action it can then have. `person`
    stands where the patient is the evidence; `named` is a reference without an entry.
    """

    entry: Entry | None
    path: str
    place: str
    how: str
    shown: str
    date: str = ""
    hit: Hit | None = None
    state: State = State.CURRENT
    at_carrier: bool = False
    most: Action | None = None
    person: Person | None = None
    named: str = ""
    version: int = 0

    @property
    def reading(self) -> Reading:
        """Return how the match was read; what is no text says it plainly."""
        return self.hit.reading if self.hit else Reading.POSITIVE


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence with the rule it counts for and the action it has there."""

    rule: str
    action: Action
    evidence: Evidence
    place: tuple[str, str]
    entry: tuple[str, str]


def first_element(wanted: Input) -> str:
    """Return the element that stands for an input of several."""
    return wanted.element.partition("+")[0]


def absent(path: str) -> Match:
    """Tell that something is not there."""
    return Match(entry=None, path=path, place=path, how="missing", shown="")


def whole(entry: Entry, path: str, shown: str = "", *, how: str = "value") -> Match:
    """Tell of an entry as such, or of one of its elements."""
    told = entry.dated.words if entry.dated else ""
    return Match(entry=entry, path=path, place=path, how=how, shown=shown, date=told)
