"""A parsed FHIR tree and the exact text it came from.

Numbers with a point or an exponent are Decimal, so 1.10 stays 1.10; others are int.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias, cast

import msgspec

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | None"
Tree: TypeAlias = dict[str, Json]

encode: Callable[[object], bytes] = msgspec.json.Encoder(decimal_format="number").encode
"""JSON bytes of a tree that we authored; a received resource is never encoded again."""


def decode(text: str) -> Tree:
    """Parse a resource that we stored: it was read by the guard, or made by us, before."""
    return cast("Tree", json.loads(text, parse_float=Decimal))


class Identity(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Type and id of one resource in its space."""

    rtype: str
    rid: str

    def __str__(self) -> str:
        """Say it as a relative reference: `Patient/123`."""
        return f"{self.rtype}/{self.rid}"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One living resource as a space holds it: who it is, which version, and its tree."""

    identity: Identity
    version: int
    tree: Tree


def members(tree: Json) -> Tree:
    """Return the members of an object, none for anything else."""
    return tree if isinstance(tree, dict) else {}


def items(value: Json) -> list[Json]:
    """Return the items of an array, none for anything else."""
    return value if isinstance(value, list) else []


def text(tree: Json, *path: str) -> str:
    """Follow member names and return the string found, or the empty string."""
    for name in path:
        tree = members(tree).get(name)
    return tree if isinstance(tree, str) else ""
