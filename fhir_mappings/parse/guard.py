"""Bytes → tree, or a refusal: what a hostile or broken body cannot get past (SECURITY §3.1).

Size, counts, UTF-8, JSON (RFC 8259), members that stand twice, numbers, then depth and text.
"""

import json
import re
from decimal import Decimal
from itertools import islice
from typing import Final

import msgspec

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.parse import limits as extent
from fhir_mappings.parse.limits import NO_NUMBER, Limits, Twice
from fhir_mappings.parse.places import problems
from fhir_mappings.problems import MOST, Code, Problem, Refused

__all__ = ["Limits", "read", "slices", "whole"]

_DEFAULTS: Final = Limits()
_MARK: Final = b"\xef\xbb\xbf"
_MAX_EXPONENT: Final = 308  # beyond it a reader with doubles sees infinity, or nothing
_MAY_HIDE: Final = re.compile(rb"\\(?:[bf]|u00[01]|u[dD][89a-fA-F])")
"""Escapes that can spell a forbidden character; bare ones are no JSON, or no UTF-8."""


class _Entry(msgspec.Struct):
    """One entry of a Bundle, as far as cutting it needs."""

    resource: msgspec.Raw = msgspec.Raw(b"")


class _Envelope(msgspec.Struct):
    """A Bundle around the bytes of its resources."""

    entry: list[_Entry] = []


_envelope: Final = msgspec.json.Decoder(_Envelope)


def read(body: bytes, limits: Limits = _DEFAULTS) -> Tree:
    """Read one JSON object, numbers with a point as Decimal.

    Raises:
        Refused: BODY_TOO_LARGE, TOO_COSTLY, TOO_MANY_ENTRIES, ATTACHMENT_TOO_LARGE (too big);
            NOT_UTF8, NOT_JSON, TOO_DEEP, DUPLICATE_MEMBER, NUMBER_RANGE, TEXT_CHARACTERS,
            TEXT_TOO_LONG, ARRAY_TOO_LONG (malformed). Faults of a readable tree come together.
    """
    _weigh(body, limits)
    twice: Twice = {}
    tree = _parse(body, limits, twice)
    if twice or _MAY_HIDE.search(body) or not extent.is_plain(tree, limits):
        found = extent.Inspection(limits, twice).faults(tree)
        faults = problems(tree, "", islice(found, MOST))
        if faults:
            raise Refused(*faults)
    return tree


def slices(body: bytes) -> tuple[bytes, ...]:
    """Return the bytes of each `entry[i].resource` as received, empty where there is none.

    The body must have been read before: only the envelope is looked at here.

    Raises:
        Refused: CARDINALITY where `entry` is no array of objects.
    """
    try:
        envelope = _envelope.decode(body)
    except msgspec.ValidationError:
        raise Refused(Problem(Code.CARDINALITY, "Bundle.entry")) from None
    return tuple(bytes(entry.resource) for entry in envelope.entry)


def whole(body: bytes) -> bytes:
    """Return the bytes of a body that is one resource: all but the white space around it."""
    return body.strip(b" \t\r\n")


def _weigh(body: bytes, limits: Limits) -> None:
    """Refuse before parsing what costs too much to parse (measured: SECURITY §3.1)."""
    if len(body) > limits.body_bytes:
        raise Refused(Problem(Code.BODY_TOO_LARGE, context=f"{limits.body_bytes} bytes"))
    containers = body.count(b"{") + body.count(b"[")
    if containers > limits.containers or body.count(b",") > limits.commas:
        raise Refused(Problem(Code.TOO_COSTLY))


def _parse(body: bytes, limits: Limits, twice: Twice) -> Tree:
    def members(pairs: list[tuple[str, Json]]) -> Tree:
        tree = dict(pairs)
        if len(tree) != len(pairs):
            twice[id(tree)] = (tree, _repeated(pairs))
        return tree

    def number(digits: str) -> int | Decimal:
        return _number(digits, limits)

    try:
        tree: Json = json.loads(
            _text(body),
            object_pairs_hook=members,
            parse_constant=lambda _: NO_NUMBER,
            parse_int=number,
            parse_float=number,
        )
    except RecursionError:
        raise Refused(Problem(Code.TOO_DEEP, context=f"{limits.depth} levels")) from None
    except json.JSONDecodeError:  # its text quotes the body
        raise Refused(Problem(Code.NOT_JSON)) from None
    if not isinstance(tree, dict):
        raise Refused(Problem(Code.NOT_JSON))
    return tree


def _text(body: bytes) -> str:
    if body.startswith(_MARK):
        raise Refused(Problem(Code.NOT_UTF8))
    try:
        return body.decode()
    except UnicodeDecodeError:  # its text quotes the body
        raise Refused(Problem(Code.NOT_UTF8)) from None


def _repeated(pairs: list[tuple[str, Json]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _number(digits: str, limits: Limits) -> int | Decimal:
    mantissa, _, exponent = digits.lower().partition("e")
    if len(mantissa.lstrip("-").replace(".", "")) > limits.digits:
        return NO_NUMBER
    if len(exponent) > len("-308") or abs(int(exponent or "0")) > _MAX_EXPONENT:
        return NO_NUMBER
    return Decimal(digits) if "." in digits or exponent else int(digits)
