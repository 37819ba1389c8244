"""How much one body may hold, and which characters: judged on the tree (SECURITY §8).

The quick pass says whether anything needs a closer look; only then the slow one names places.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.parse.places import Fault, Path
from fhir_mappings.problems import Code

Twice: TypeAlias = dict[int, tuple[Tree, str]]
"""Objects in which a member stands twice, by identity, each with that member's name."""

NO_NUMBER: Final = Decimal("NaN")
"""Stands in a tree for a number that we do not take; the body is refused for it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one body may hold; the defaults are those of SECURITY §8."""

    body_bytes: int = 2 * 1024 * 1024  # L01
    containers: int = 20_000  # L25: objects and arrays
    commas: int = 50_000  # L25
    entries: int = 500  # L02
    depth: int = 32  # L03
    text_bytes: int = 64 * 1024  # L04
    address_bytes: int = 2 * 1024  # L04: a URL in a field
    display_bytes: int = 1024  # L04
    digits: int = 32  # L05
    items: int = 1_000  # L05
    attachment_bytes: int = 1024 * 1024  # L06, decoded
    attachments: int = 5  # L06

    def of_text(self, name: str) -> int:
        """Return how many bytes the text of a member may have."""
        if name == "display":
            return self.display_bytes
        return self.address_bytes if name in _ADDRESSES else self.text_bytes


_ADDRESSES: Final = frozenset(
    {"reference", "url", "system", "fullUrl", "profile", "implicitRules", "endpoint", "location"}
)
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_SHORT: Final = 256
"""Characters that stay below each default of a text, whatever their bytes."""


def is_plain(tree: Tree, limits: Limits) -> bool:
    """Say whether nothing needs a closer look: no paths kept, one level after the other.

    Characters are not looked at: the guard knows from the bytes whether any could be forbidden.
    """
    level: list[Tree | list[Json]] = [tree]
    for _ in range(limits.depth):
        below: list[Tree | list[Json]] = []
        for node in level:
            named = node.items() if isinstance(node, dict) else (("", each) for each in node)
            for name, value in named:
                if isinstance(value, (dict, list)):
                    below.append(value)
                elif _needs_a_look(name, value, limits):
                    return False
            if isinstance(node, list) and len(node) > min(limits.items, limits.entries):
                return False
        level = below
    return not level


def _needs_a_look(name: str, value: Json, limits: Limits) -> bool:
    if isinstance(value, str):
        return name == "data" or (len(value) > _SHORT and _is_long(value, limits.of_text(name)))
    return value is NO_NUMBER


def _is_long(value: str, most: int) -> bool:
    return len(value) > most or len(value.encode(errors="surrogatepass")) > most


class Inspection:
    """The closer look at one tree: yields each fault with its path, in document order."""

    def __init__(self, limits: Limits, twice: Twice) -> None:
        """Start with what the parser has seen already."""
        self._limits = limits
        self._twice = twice
        self._attachments = 0

    def faults(self, tree: Tree) -> Iterator[Fault]:
        """Yield every fault of a whole body."""
        entries = tree.get("entry")
        if isinstance(entries, list) and len(entries) > self._limits.entries:
            yield Fault(("entry",), Code.TOO_MANY_ENTRIES, f"{self._limits.entries} entries")
        yield from self._node(tree, (), 1)

    def _node(self, node: Tree | list[Json], path: Path, depth: int) -> Iterator[Fault]:
        # It recurses no deeper than the limit of depth.
        if depth > self._limits.depth:
            yield Fault(path, Code.TOO_DEEP, f"{self._limits.depth} levels")
            return
        if isinstance(node, list):
            if len(node) > self._limits.items:
                yield Fault(path, Code.ARRAY_TOO_LONG, f"{self._limits.items} items")
            for index, value in enumerate(node):
                yield from self._value(value, (*path, index), depth)
            return
        if id(node) in self._twice:
            yield Fault((*path, self._twice[id(node)][1]), Code.DUPLICATE_MEMBER)
        for name, value in node.items():
            if _FORBIDDEN.search(name):
                yield Fault(path, Code.TEXT_CHARACTERS)
            yield from self._value(value, (*path, name), depth)

    def _value(self, value: Json, path: Path, depth: int) -> Iterator[Fault]:
        if isinstance(value, (dict, list)):
            yield from self._node(value, path, depth + 1)
        elif isinstance(value, str):
            yield from self._text(value, path)
        elif value is NO_NUMBER:
            yield Fault(path, Code.NUMBER_RANGE)

    def _text(self, value: str, path: Path) -> Iterator[Fault]:
        if _FORBIDDEN.search(value):
            yield Fault(path, Code.TEXT_CHARACTERS)
        name = next((step for step in reversed(path) if isinstance(step, str)), "")
        if name == "data":
            yield from self._attachment(value, path)
        elif _is_long(value, self._limits.of_text(name)):
            yield Fault(path, Code.TEXT_TOO_LONG, f"{self._limits.of_text(name)} bytes")

    def _attachment(self, value: str, path: Path) -> Iterator[Fault]:
        # SampledData.data and Signature.data count too: both carry as much.
        self._attachments += 1
        if len(value) * 3 // 4 > self._limits.attachment_bytes + 2:  # 2: padding
            yield Fault(path, Code.ATTACHMENT_TOO_LARGE, f"{self._limits.attachment_bytes} bytes")
        if self._attachments > self._limits.attachments:
            yield Fault(path, Code.ATTACHMENT_TOO_LARGE, f"{self._limits.attachments} attachments")
