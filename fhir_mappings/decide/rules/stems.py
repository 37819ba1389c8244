"""Which pattern lists a text may match at all, told by literals, so that few patterns are tried.

The literals change no result: the pack promises that one of them stands in every text that a
pattern of the list matches. Source: rules.md of the content pack, Speed.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from fhir_mappings.model.texts import PatternList, folded

_GRAM: Final = 3


class Stems:
    """Literals of all lists, found by their first letters."""

    def __init__(self, patterns: Mapping[str, PatternList]) -> None:
        """Index the literals of every list."""
        self._always = frozenset(
            name
            for name, one in patterns.items()
            if (one.ignore_case and one.stems is None)
            or (one.case_sensitive and one.case_sensitive_stems is None)
        )
        held = patterns.items()
        self._folded = _Literals((name, stem) for name, one in held for stem in one.stems or ())
        self._exact = _Literals(
            (name, stem) for name, one in held for stem in one.case_sensitive_stems or ()
        )

    def lists(self, text: str) -> frozenset[str]:
        """Return the lists of which a literal stands in the text."""
        return self._always | self._folded.within(folded(text)) | self._exact.within(text)


class _Literals:
    """Literals by their first three letters; shorter ones are tried on every text."""

    def __init__(self, stems: Iterable[tuple[str, str]]) -> None:
        self._by_gram: dict[str, list[tuple[str, str]]] = {}
        self._short: list[tuple[str, str]] = []
        for name, stem in stems:
            row = self._by_gram.setdefault(stem[:_GRAM], []) if len(stem) >= _GRAM else self._short
            row.append((name, stem))

    def within(self, text: str) -> set[str]:
        grams = {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}
        found = {name for name, stem in self._short if stem in text}
        for gram in grams & self._by_gram.keys():
            found.update(name for name, stem in self._by_gram[gram] if stem in text)
        return found
