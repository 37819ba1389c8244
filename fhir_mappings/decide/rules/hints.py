"""How a text speaks of a match in it: negated, stopped, of the family, uncertain and so on.

The first reading counts whose words stand before the match (since the last end of a clause, or of
a sentence) or after it (up to the next end of a clause), within a window of words and not held up
by a breaker. Source: rules.md of the content pack, Codes and text; its list `readings`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fhir_mappings.decide.rules.stems import folded
from fhir_mappings.model.member import Reading
from fhir_mappings.model.texts import HintRow, HintWords

_TOKEN: Final = re.compile(r"\S+")
_RUN: Final = re.compile(r"\w+")


class Hints:
    """The word lists of one pack, compiled."""

    def __init__(self, words: HintWords) -> None:
        """Compile every list, longest words first."""
        self._rows = words.readings
        self._window = words.window_tokens
        self._lists = {name: _any_of(held) for name, held in words.words.items()}
        self._breakers = {name: _any_of(held) for name, held in words.breakers.items()}
        self._sieve = _Sieve(words.words)
        self._sentence = re.compile(words.sentence_end, re.IGNORECASE)
        self._clause = re.compile(words.clause_end, re.IGNORECASE)

    def readings(self, text: str, spans: Iterable[tuple[int, int]]) -> Iterator[Reading]:
        """Read how the text speaks of what stands at each of the places in it."""
        lists = self._sieve.lists(text)
        rows = [row for row in self._rows if row.before in lists or row.after in lists]
        for start, end in spans:
            yield self._reading(rows, text, start, end) if rows else Reading.POSITIVE

    def _reading(self, rows: list[HintRow], text: str, start: int, end: int) -> Reading:
        opened = _last_end(self._sentence, text, start)
        closed = _next_start(self._sentence, text, end)
        near = text[max(opened, _last_end(self._clause, text, start)) : start]
        after = text[end : min(closed, _next_start(self._clause, text, end))]
        before = {"comma": self._tail(near), "sentence": self._tail(text[opened:start])}
        after = self._head(after)
        for row in rows:
            if self._says(row, before[row.reach], after):
                negated = row.unless is not None and self._before(row.unless, before[row.reach])
                return row.otherwise if negated and row.otherwise else row.reading
        return Reading.POSITIVE

    def _says(self, row: HintRow, before: str, after: str) -> bool:
        if row.before is not None and self._before(row.before, before):
            return True
        return row.after is not None and self._after(row.after, after)

    def _before(self, name: str, words: str) -> bool:
        """Look for the list's words before the match, none of its breakers between."""
        breaker = self._breakers.get(name)
        for found in self._lists[name].finditer(words):
            if breaker is None or breaker.search(words, found.end()) is None:
                return True
        return False

    def _after(self, name: str, words: str) -> bool:
        breaker = self._breakers.get(name)
        found = self._lists[name].search(words)
        return found is not None and (
            breaker is None or breaker.search(words, 0, found.start()) is None
        )

    def _tail(self, words: str) -> str:
        tokens = list(_TOKEN.finditer(words))
        return words[tokens[-self._window].start() :] if len(tokens) > self._window else words

    def _head(self, words: str) -> str:
        tokens = list(_TOKEN.finditer(words))
        return words[: tokens[self._window - 1].end()] if len(tokens) > self._window else words


class _Sieve:
    """Which word lists may have something in a text, told by the first word of each hint."""

    def __init__(self, lists: Mapping[str, Iterable[str]]) -> None:
        self._by_word: dict[str, set[str]] = {}
        self._signs: list[tuple[str, str]] = []
        for name, hints in lists.items():
            for hint in hints:
                word = _RUN.search(folded(hint))
                if word:
                    self._by_word.setdefault(word[0], set()).add(name)
                else:
                    self._signs.append((name, hint))

    def lists(self, text: str) -> frozenset[str]:
        words = set(_RUN.findall(folded(text))) & self._by_word.keys()
        signs = {name for name, hint in self._signs if hint in text}
        return frozenset(signs.union(*(self._by_word[one] for one in words)))


def _last_end(pattern: re.Pattern[str], text: str, start: int) -> int:
    last = 0
    for found in pattern.finditer(text, 0, start):
        last = found.end()
    return last


def _next_start(pattern: re.Pattern[str], text: str, end: int) -> int:
    found = pattern.search(text, end)
    return found.start() if found else len(text)


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Match any of the words, the longest first, whole where they begin or end with a letter."""
    ordered = sorted(set(words), key=lambda one: (-len(one), one))
    return re.compile("|".join(map(_whole, ordered)), re.IGNORECASE)


def _whole(word: str) -> str:
    plain = r"\s+".join(map(re.escape, word.split()))
    left = r"(?<!\w)" if word[:1].isalnum() else ""
    right = r"(?!\w)" if word[-1:].isalnum() else ""
    return f"{left}{plain}{right}"
