"""Patterns over texts: what of a set a text names, and how it speaks of it.

Source: rules.md of the content pack, Codes and text, Limits of text, Speed.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from fhir_mappings.decide.rules.hints import Hints
from fhir_mappings.decide.rules.stems import Stems
from fhir_mappings.model.member import Reading
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.texts import PatternList, Texts

_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_PARTS: Final = 4
"""Less than one word in so many may be strange in a text that counts as readable."""
_BRAND: Final = re.compile(r"\[[^\[\]]*\]")


class Named(msgspec.Struct, frozen=True, gc=False):
    """Words of a text that a pattern matched, and how the text speaks of them."""

    words: str
    reading: Reading


class Patterns:
    """The word side of one pack: lists compiled when first needed, kept while the pack is."""

    def __init__(self, pack: Pack) -> None:
        """Index the literals; compile nothing yet but what reads every match."""
        texts: Texts = pack.texts
        self._lists = texts.patterns
        self._includes = pack.content.includes
        self._inside: dict[str, frozenset[str]] = {}
        self._compiled: dict[str, tuple[re.Pattern[str], ...]] = {}
        self._stems = Stems(texts.patterns)
        self._holders = _holders(self)
        self._hints = Hints(texts.hints)
        self._topical_sets = texts.topical.sets
        self._topical = re.compile(rf"\b(?:{'|'.join(texts.topical.words)})\b", re.IGNORECASE)
        self._benign, self._familiar = texts.benign, texts.familiar
        self._regions = {
            name: tuple(re.compile(one, re.IGNORECASE) for one in held)
            for name, held in texts.regions.items()
        }

    def lists_of(self, name: str) -> frozenset[str]:
        """Return the lists of a set: its own and those of the sets it includes."""
        known = self._inside.get(name)
        if known is None:
            inner = (self.lists_of(one) for one in self._includes.get(name, ()))
            known = self._inside[name] = frozenset({name}).union(*inner)
        return known

    def candidates(self, text: str) -> frozenset[str]:
        """Return the lists that may match the text."""
        return self._stems.lists(text)

    def held_by(self, lists: Iterable[str]) -> frozenset[str]:
        """Return the sets that these lists belong to, unions too."""
        return frozenset[str]().union(*(self._holders[one] for one in lists))

    @property
    def names(self) -> frozenset[str]:
        """Return every set that has words, by its own list or an included one."""
        return frozenset(self._lists) | self._includes.keys()

    def named(self, text: str, name: str) -> tuple[Named, ...]:
        """Return every match of one list in a text."""
        found = {
            (match.start(), match.end())
            for pattern in self._patterns(name)
            for match in pattern.finditer(text)
            if match.end() > match.start()
        }
        spans = sorted(found)
        readings = self._hints.readings(text, spans)
        return tuple(
            Named(text[start:end], reading)
            for (start, end), reading in zip(spans, readings, strict=True)
        )

    def topical(self, name: str, text: str) -> bool:
        """Say whether the text names a form in which the set's drugs stay where they are put."""
        return name in self._topical_sets and self._topical.search(text) is not None

    def benign(self, text: str) -> bool:
        """Say whether every word of three or more letters bears on no rule.

        A brand in brackets after its ingredients, as RxNorm writes it, adds nothing to them.
        """
        words = _WORD.findall(_BRAND.sub(" ", text.casefold()))
        return bool(words) and all(one in self._benign for one in words)

    def familiar(self, text: str) -> bool:
        """Say whether nearly all words of a text are in the language that the sets use.

        What a text in another language says is not known, nor what one strange word of a few may
        mean.
        """
        words = _WORD.findall(text.casefold())
        known = sum(one in self._familiar or one in self._benign for one in words)
        return known * _PARTS > len(words) * (_PARTS - 1)

    def regions(self, texts: Iterable[str]) -> frozenset[str]:
        """Return the regions of the body that the texts name."""
        whole = "\n".join(texts)
        return frozenset(
            name
            for name, patterns in self._regions.items()
            if any(one.search(whole) for one in patterns)
        )

    def _patterns(self, name: str) -> tuple[re.Pattern[str], ...]:
        known = self._compiled.get(name)
        if known is None:
            known = self._compiled[name] = compiled(self._lists.get(name))
        return known


def _holders(patterns: Patterns) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name in patterns.names:
        for one in patterns.lists_of(name):
            found.setdefault(one, set()).add(name)
    return {one: frozenset(names) for one, names in found.items()}


def compiled(held: PatternList | None) -> tuple[re.Pattern[str], ...]:
    """Compile a list's patterns; a set without a list has none."""
    if held is None:
        return ()
    folding = (re.compile(one, re.IGNORECASE) for one in held.ignore_case)
    return (*folding, *map(re.compile, held.case_sensitive))
