"""How a text speaks of a match in it: negated, stopped, of the family, uncertain and so on.

The first reading counts whose words stand before the match (since the last end of a clause, or of
a sentence) or after it (up to the next end of a clause), within a window of words and not held up
by a breaker. Source: rules.md of the content pack, Codes and text; its list `readings`.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fhir_mappings.model.member import Reading
from fhir_mappings.model.texts import HintRow, HintWords, folded

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
        if not rows:
            yield from (Reading.POSITIVE for _ in spans)
            return
        sentences, clauses = _Ends(self._sentence, text), _Ends(self._clause, text)
        known: dict[tuple[str, str, str], Reading] = {}
        for start, end in spans:
            opened, closed = sentences.around(start, end)
            near, until = clauses.around(start, end)
            key = (
                self._tail(text[max(opened, near) : start]),
                self._tail(text[opened:start]),
                self._head(text[end : min(closed, until)]),
            )
            if key not in known:
                known[key] = self._reading(rows, *key)
            yield known[key]

    def _reading(self, rows: list[HintRow], near: str, before: str, after: str) -> Reading:
        lists = self._sieve.lists(f"{before} {after}")
        for row in rows:
            words = near if row.reach == "comma" else before
            if self._says(row, lists, words, after):
                negated = row.unless is not None and self._before(row.unless, words)
                return row.otherwise if negated and row.otherwise else row.reading
        return Reading.POSITIVE

    def _says(self, row: HintRow, lists: frozenset[str], before: str, after: str) -> bool:
        if row.before is not None and row.before in lists and self._before(row.before, before):
            return True
        return row.after is not None and row.after in lists and self._after(row.after, after)

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
        """Return the last words, as many as the window has."""
        parts = words.rsplit(None, self._window)
        return words[len(parts[0]) :] if len(parts) > self._window else words

    def _head(self, words: str) -> str:
        """Return the first words, as many as the window has."""
        parts = words.split(None, self._window)
        return words[: -len(parts[-1])] if len(parts) > self._window else words


class _Ends:
    """Where sentences or clauses of a text end."""

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        found = [one.span() for one in pattern.finditer(text)]
        self._starts = [start for start, _ in found]
        self._ends = [end for _, end in found]
        self._length = len(text)

    def around(self, start: int, end: int) -> tuple[int, int]:
        """Return where the part that holds these places begins and ends."""
        before, after = bisect_right(self._ends, start), bisect_left(self._starts, end)
        opened = self._ends[before - 1] if before else 0
        return opened, self._starts[after] if after < len(self._starts) else self._length


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


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Match any of the words, the longest first, whole where they begin or end with a letter."""
    ordered = sorted(set(words), key=lambda one: (-len(one), one))
    return re.compile("|".join(map(_whole, ordered)), re.IGNORECASE)


def _whole(word: str) -> str:
    plain = r"\s+".join(map(re.escape, word.split()))
    left = r"(?<!\w)" if word[:1].isalnum() else ""
    right = r"(?!\w)" if word[-1:].isalnum() else ""
    return f"{left}{plain}{right}"
