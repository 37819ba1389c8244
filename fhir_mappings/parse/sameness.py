"""Canonical JSON and fingerprints: when two messages say the same (PROTOCOL §4.1)."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from fhir_mappings.model.json import Json, Tree

_LEFT_OUT: Final = frozenset({"id", "meta", "text"})

Resolve = Callable[[str], str]
"""A reference as written to what stands for its target: its fingerprint, or itself."""


_encode: Final = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


def canonical(value: Json) -> bytes:
    """Write a tree with sorted members and no white space; decimals keep their digits."""
    return _encode(value)


def fingerprint(tree: Tree, resolve: Resolve) -> bytes:
    """Return the SHA-256 of what a resource says, whoever sent it and under whichever id.

    `id`, `meta` and `text` of the resource are left out, `identifier` arrays count as sets, and
    each reference is what `resolve` makes of it.
    """
    said: Tree = {name: value for name, value in tree.items() if name not in _LEFT_OUT}
    return hashlib.sha256(canonical(_settled(said, resolve))).digest()


def content(fingerprints: Iterable[bytes]) -> bytes:
    """Return the digest of a referral's content: its fingerprints, in no order."""
    return hashlib.sha256(b"".join(sorted(fingerprints))).digest()


def _settled(value: Json, resolve: Resolve) -> Json:
    match value:
        case dict():
            return {name: _member(name, one, resolve) for name, one in value.items()}
        case list():
            return [_settled(one, resolve) for one in value]
        case _:
            return value


def _member(name: str, value: Json, resolve: Resolve) -> Json:
    if name == "reference" and isinstance(value, str):
        return resolve(value)
    settled = _settled(value, resolve)
    if name == "identifier" and isinstance(settled, list):
        return sorted(settled, key=canonical)
    return settled
