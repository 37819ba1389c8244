"""The declared subset of regular expressions that a pack may use.

Literals, classes, anchors, word edges, alternation, groups, look-around without open repeats. A
repeat without an upper bound never stands inside another one, and inside a counted one only up to
`MOST_COUNTED` times, so the cost of a text of bounded length is bounded too. No back-reference,
no named group, no inline flag.

Source: decision 6 (text patterns).
"""

import re
from typing import Final

MOST_COUNTED: Final = 9
"""How often a part with an open repeat may be counted."""

_CLASSES: Final = frozenset("bBdDwWsSntrf")
_GROUPS: Final = ("?:", "?=", "?!", "?<=", "?<!")
_GROUP: Final = re.compile(r"\(\?<?.")
_BEHIND: Final = frozenset({"(?<=", "(?<!"})
_SPECIAL: Final = frozenset("*+?{}")


def outside_subset(pattern: str) -> str:
    """Say in a few words what of a pattern lies outside the subset, "" when nothing does."""
    try:
        scan = _Scan(pattern)
        scan.alternation()
        scan.expect_end()
        if _BEHIND & set(_GROUP.findall(pattern)):
            re.compile(pattern)
    except _Outside as reason:
        return str(reason)
    except re.error:
        return "look-behind of no fixed width"
    return ""


class _Outside(Exception):
    """Something the subset does not have; the text is one of ours, never the pattern."""


class _Scan:
    """One walk over a pattern; each part answers whether it holds an open repeat."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def expect_end(self) -> None:
        """Refuse a parenthesis that closes nothing."""
        if self._at < len(self._pattern):
            raise _Outside("unbalanced group")

    def alternation(self) -> bool:
        """Walk over alternatives."""
        is_open = self._sequence()
        while self._peek() == "|":
            self._at += 1
            is_open = self._sequence() or is_open
        return is_open

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        one = self._peek()
        if not one:
            raise _Outside("unfinished pattern")
        self._at += 1
        return one

    def _sequence(self) -> bool:
        is_open = False
        while self._peek() not in {"", "|", ")"}:
            part = self._atom()
            is_open = self._repeat(part_is_open=part) or is_open
        return is_open

    def _atom(self) -> bool:
        one = self._take()
        if one == "(":
            return self._group()
        if one == "[":
            self._class()
        elif one == "\\":
            self._escape()
        elif one in _SPECIAL:
            raise _Outside("repeat of nothing")
        return False

    def _escape(self) -> None:
        one = self._take()
        if one.isalnum() and one not in _CLASSES:
            raise _Outside("escape or back-reference")

    def _class(self) -> None:
        if self._peek() == "^":
            self._at += 1
        first = True
        while (one := self._take()) != "]" or first:
            if one == "\\":
                self._escape()
            first = False

    def _group(self) -> bool:
        kind = next((one for one in _GROUPS if self._pattern.startswith(one, self._at)), "")
        if not kind and self._peek() == "?":
            raise _Outside("named group or flag")
        self._at += len(kind)
        is_open = self.alternation()
        if self._take() != ")":
            raise _Outside("unbalanced group")
        if is_open and kind not in {"", "?:"}:
            raise _Outside("open repeat in a look-around")
        return is_open

    def _repeat(self, *, part_is_open: bool) -> bool:
        """Walk over a repeat; refuse an open one of an open part."""
        most = self._most()
        if most is None:
            if part_is_open:
                raise _Outside("nested repeat")
            return True
        if part_is_open and most > MOST_COUNTED:
            raise _Outside("nested repeat")
        return part_is_open

    def _most(self) -> int | None:
        """Return how often the part may stand at most, None without a bound."""
        one = self._peek()
        if one not in _SPECIAL or one == "}":
            return 1
        self._at += 1
        most = self._counted() if one == "{" else {"?": 1}.get(one)
        if self._peek() == "?":  # lazy
            self._at += 1
        if self._peek() in _SPECIAL:
            raise _Outside("repeat of a repeat")
        return most

    def _counted(self) -> int | None:
        end = self._pattern.find("}", self._at)
        least, comma, most = self._pattern[self._at : max(end, 0)].partition(",")
        if end < 0 or not least.isdigit() or not (most or "0").isdigit():
            raise _Outside("count of a repeat")
        self._at = end + 1
        if not comma:
            return int(least)
        return int(most) if most else None
