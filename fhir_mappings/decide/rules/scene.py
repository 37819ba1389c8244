"""One screening while it runs: the facts, the days, the order as read, and what was read already.

The memory here lives as long as one screening; a text is read once for each pattern list.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import date
from functools import cached_property
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from fhir_mappings.decide.rules.day import Day
from fhir_mappings.decide.rules.limits import Cut, cut_of
from fhir_mappings.decide.rules.plan import Plan
from fhir_mappings.decide.rules.text import Named
from fhir_mappings.model.content import Content, Washout
from fhir_mappings.model.fact import Coding, EmptyList, Entry, Facts, Said
from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import FactKind, Reading, State


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which something said names one of the wanted sets.

    `sets` are those wanted sets. `words` are what to look for names in: displays of codes, or the
    words that matched. `shown` is what a reader is shown.
    """

    said: Said
    how: str  # "code" or "text"
    reading: Reading
    sets: frozenset[str]
    words: tuple[str, ...]
    shown: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Something said at a carrier, with the sets it may name.

    It counts while its entry is in one of `states`; None: always.
    """

    entry: Entry
    said: Said
    names: frozenset[str]
    free_text: bool
    states: frozenset[State] | None


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """What is said at the carriers of a fact, on which uses that rests and how long it holds."""

    said: tuple[Place, ...]
    uses: frozenset[str]
    holds: date


Look: TypeAlias = tuple[str, str, frozenset[str], frozenset[Reading] | None, bool]
"""How an input looks: type, element, sets, the readings that count, and whether at words too."""


class Scene:
    """What every part of the interpreter is given.

    `uses` are the keys of the medications about whose use something was asked.
    """

    def __init__(self, plan: Plan, facts: Facts, *, day: date, planned: date) -> None:
        """Set the scene; the entries that are always excluded are gone from here on.

        `retracted` are those excluded whatever their type: they were an error.
        """
        self.plan, self.day, self.planned = plan, Day(day), Day(planned)
        self.facts = facts
        self.content: Content = plan.pack.content
        self.order = facts.order
        self.excluded = frozenset(one.key for one in facts.entries if self._excluded(one))
        self.entries = tuple(one for one in facts.entries if one.key not in self.excluded)
        self.retracted = frozenset(
            one.key for one in facts.entries if self._excluded(one, of_any_type=True)
        )
        self.lists = tuple(one for one in facts.lists if not self._excluded(one))
        self.by_type = _grouped((self.order, *self.entries))
        self.cut: Cut = cut_of(plan, (self.order, *self.entries))
        self._texts: dict[int, tuple[str, ...]] = {}
        self._names_in: dict[str, frozenset[str]] = {}
        self._names: dict[int, frozenset[str]] = {}
        self._named: dict[tuple[str, str], tuple[Named, ...]] = {}
        self._candidates: dict[str, frozenset[str]] = {}
        self.variant = ""
        self.site = Site(names=frozenset(), known=False, given=False)
        self.groups: dict[
            tuple[int, str, tuple[str, ...], frozenset[str]], tuple[Washout, ...]
        ] = {}
        self.hits: dict[Look, tuple[tuple[Entry, Hit], ...]] = {}
        self.stands: dict[FactKind, tuple[Place, ...]] = {}
        self.places: dict[FactKind, Places] = {}
        self.uses: set[str] = set()
        self.fired: dict[str, frozenset[Action]] = {}

    def on(self, *, day: date, planned: date) -> "Scene":
        """Return the same scene on other days; what was read of codes and words is kept."""
        other = copy(self)
        other.day, other.planned = Day(day), Day(planned)
        other.places, other.fired, other.uses = {}, {}, set()
        return other

    def supposing(self, entries: Mapping[str, Entry]) -> "Scene":
        """Return the scene with entries, or the order, in place of those of the same key.

        They must say the same, and be neither excluded nor excluded before: only their dates and
        their marks may differ.
        """
        other = copy(self)
        held = tuple(entries.get(one.key, one) for one in self.facts.entries)
        other.order = entries.get(self.order.key, self.order)
        other.facts = replace(self.facts, order=other.order, entries=held)
        other.entries = tuple(one for one in held if one.key not in self.excluded)
        other.by_type = _grouped((other.order, *other.entries))
        other.hits, other.stands = {}, {}
        return other

    @property
    def ages(self) -> tuple[int, int] | None:
        """Return the youngest and oldest age in years that the birth date allows when planned."""
        born = self.facts.person.born if self.facts.person else None
        if born is None:
            return None
        return self.planned.age(born.days.last), self.planned.age(born.days.first)

    def of_type(self, rtype: str) -> tuple[Entry, ...]:
        """Return the entries of a type; of orders only the one that is screened."""
        return self.by_type.get(rtype, ())

    @cached_property
    def present(self) -> frozenset[str]:
        """Return every set that anything on the chart may name."""
        return frozenset[str]().union(*map(self.names_in, self.by_type))

    def names_in(self, rtype: str) -> frozenset[str]:
        """Return every set that anything in the entries of a type may name."""
        known = self._names_in.get(rtype)
        if known is None:
            held = (self.said(entry, one) for entry in self.of_type(rtype) for one in entry.said)
            names = (self.names(said) for several in held for said in several)
            known = self._names_in[rtype] = frozenset[str]().union(*names)
        return known

    def said(self, entry: Entry, element: str) -> Iterator[Said]:
        """Return what an entry says in an element, or in several joined by `+`."""
        for one in element.split("+"):
            for said in entry.said.get(one, ()):
                if said.source not in self.excluded:
                    yield said

    def texts(self, said: Said) -> tuple[str, ...]:
        """Return the texts to read: not a display that a code settles, nor a text repeating it."""
        known = self._texts.get(id(said))
        if known is None:
            known = self._texts[id(said)] = tuple(self._readable(said))
        return known

    def _readable(self, said: Said) -> Iterator[str]:
        settles = self.plan.codes.settles
        settled = {_plain(one.display) for one in said.codings if one.display and settles(one)}
        displays = (one.display for one in said.codings if one.display and not settles(one))
        for text in dict.fromkeys((*said.texts, *displays)):
            if _plain(text) not in settled:
                read = self.cut.read(text)
                if read:
                    yield read

    def names(self, said: Said) -> frozenset[str]:
        """Return every set that this may name, by code or by words: a sieve, not an answer."""
        known = self._names.get(id(said))
        if known is None:
            patterns, codes = self.plan.patterns, self.plan.codes
            lists = (self.candidates(text) for text in self.texts(said))
            worded = (patterns.held_by(one) for one in lists)
            coded = (codes.listed(one).sets for one in said.codings)
            known = self._names[id(said)] = frozenset[str]().union(*worded, *coded)
        return known

    def named(self, text: str, name: str) -> tuple[Named, ...]:
        """Return what counts of a set in a text: nothing where the form keeps it local."""
        found = self.recognised(text, name)
        return () if found and self.plan.patterns.topical(name, text) else found

    def recognised(self, text: str, name: str) -> tuple[Named, ...]:
        """Return the matches of a set's patterns in a text, its included sets' too."""
        lists = self.plan.patterns.lists_of(name) & self.candidates(text)
        return tuple(one for inner in sorted(lists) for one in self._of_list(text, inner))

    def candidates(self, text: str) -> frozenset[str]:
        """Return the pattern lists that may match a text."""
        known = self._candidates.get(text)
        if known is None:
            known = self._candidates[text] = self.plan.patterns.candidates(text)
        return known

    def _of_list(self, text: str, name: str) -> tuple[Named, ...]:
        known = self._named.get((text, name))
        if known is None:
            known = self._named[text, name] = self.plan.patterns.named(text, name)
        return known

    def code_hit(self, said: Said, wanted: frozenset[str]) -> Hit | None:
        """Say whether one coding of it stands in a wanted set."""
        if self.names(said).isdisjoint(wanted):
            return None
        found: dict[Coding, frozenset[str]] = {}
        for one in said.codings:
            sets = self.plan.codes.listed(one).sets & wanted
            if sets:
                found[one] = sets
        if not found:
            return None
        first = next(iter(found))
        return Hit(
            said=said,
            how="code",
            reading=Reading.POSITIVE,
            sets=frozenset[str]().union(*found.values()),
            words=tuple(word for one in found for word in self.names_of(one)),
            shown=first.display or next(iter(said.texts), "") or self._display(first),
        )

    def names_of(self, coding: Coding) -> tuple[str, ...]:
        """Return the displays of a code: the sender's and the pack's."""
        return tuple(filter(None, (coding.display, self.plan.codes.listed(coding).display)))

    def _display(self, coding: Coding) -> str:
        return self.plan.codes.listed(coding).display or coding.code

    def text_hits(
        self, said: Said, wanted: Iterable[str], counts: frozenset[Reading], *, allergy: bool
    ) -> Iterator[Hit]:
        """Yield for each text of it the heaviest reading that counts.

        Inside an allergy entry (`allergy`) some readings count as positive.
        """
        near = sorted(self.names(said).intersection(wanted))
        for text in self.texts(said) if near else ():
            found = [(one, name) for name in near for one in self.named(text, name)]
            read = [(self._reading(one, allergy=allergy), one, name) for one, name in found]
            held = [one for one in read if one[0] in counts]
            if held:
                yield self._heaviest(said, text, held)

    def _reading(self, named: Named, *, allergy: bool) -> Reading:
        as_positive = allergy and named.reading in self.content.hints.as_positive
        return Reading.POSITIVE if as_positive else named.reading

    def _heaviest(self, said: Said, text: str, held: list[tuple[Reading, Named, str]]) -> Hit:
        order = self.content.hints.order
        first = min((one[0] for one in held), key=lambda one: _rank(order, one))
        matched = [one for one in held if one[0] is first]
        return Hit(
            said=said,
            how="text",
            reading=first,
            sets=frozenset(name for _, _, name in matched),
            words=tuple(dict.fromkeys(named.words for _, named, _ in matched)),
            shown=_shown(text, matched[0][1].words),
        )

    def _excluded(self, entry: Entry | EmptyList, *, of_any_type: bool = False) -> bool:
        """Say whether a row of the pack excludes it; of any type: a row that names no type."""
        return any(
            (row.resource_types is None or (not of_any_type and entry.rtype in row.resource_types))
            and not entry.marks.get(row.element, _NO_MARKS).isdisjoint(_marks(row.values))
            for row in self.content.always_excluded
        )


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where the order wants it: the sets its sites match, and whether every site is known."""

    names: frozenset[str]
    known: bool
    given: bool


_NO_MARKS: frozenset[str] = frozenset()

SHOWN = 160
"""The longest text that a reader is shown whole, in characters; of a longer one the words."""


def _grouped(entries: Iterable[Entry]) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, list[Entry]] = {}
    for one in entries:
        found.setdefault(one.rtype, []).append(one)
    return {rtype: tuple(held) for rtype, held in found.items()}


def _plain(text: str) -> str:
    """Make two spellings of the same words equal."""
    return " ".join(text.casefold().split())


def _shown(text: str, words: str) -> str:
    return text if len(text) <= SHOWN else words


def _rank(order: tuple[Reading, ...], reading: Reading) -> int:
    return order.index(reading) if reading in order else len(order)


def _marks(values: Iterable[str | bool]) -> frozenset[str]:
    return frozenset(str(one).lower() if isinstance(one, bool) else one for one in values)
