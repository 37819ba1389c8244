"""JSON that no resource may be: twice, too deep, too long, with characters and numbers that lie."""

import random
from collections.abc import Iterator
from typing import Any, Final

from fhir_mappings.model.json import encode
from fhir_mappings.problems import Code
from fhir_mappings.terms.r4_names import READ_TYPES
from tests.kit.definitions import Site
from tests.kit.mutations import (
    CANARY,
    GONE,
    R4,
    RAW,
    Case,
    Make,
    Spot,
    a_case,
    each_member,
    each_present,
    escaped,
    put,
    spots,
    valid,
)


def duplicate_members(chance: random.Random) -> Iterator[Case]:
    for spot, name in each_present(chance):
        for written in (name, escaped(chance, name)):
            again = f'"{written}":"{CANARY}"'.encode()
            tree = put(spot.tree, (*spot.site.path, RAW), 0)
            body = encode(tree).replace(b'"%s":0' % RAW.encode(), again)
            yield Case(
                kind="duplicate member" + (", escaped" if "\\" in written else ""),
                what=spot.what(name),
                rtype=spot.tree["resourceType"],
                body=body,
                codes=frozenset({Code.DUPLICATE_MEMBER}),
                place=spot.place(name),
            )


def deep_nesting(chance: random.Random) -> Iterator[Case]:
    kind = "deep nesting"
    for places in spots().values():
        spot = chance.choice(places)
        if "extension" in R4.members(spot.site.definition):
            for levels in (40, 200, 3_000):
                deep = b'{"url":"u","extension":[' * levels + b"{}" + b"]}" * levels
                yield _nested(kind, spot, b"[" + deep + b"]")
        yield _nested(kind, spot, b"[" * 60 + b"1" + b"]" * 60)


def _nested(kind: str, spot: Spot, raw: bytes) -> Case:
    code = Code.TOO_DEEP
    at = spot.place("extension")
    return a_case(kind, spot, "extension", RAW, code, place=at, raw=raw, within=True)


_CONTROLS: Final = tuple(
    f"\\u{one:04x}" for one in (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0xD800, 0xDC00)
)


def control_characters(chance: random.Random) -> Iterator[Case]:
    for spot, name in each_present(chance, ("string", "markdown", "code", "uri", "xhtml")):
        if isinstance(spot.node[name], str):
            raw = f'"{CANARY}{chance.choice(_CONTROLS)}"'.encode()
            kind = "U+0000 and other control characters"
            yield a_case(kind, spot, name, RAW, Code.TEXT_CHARACTERS, raw=raw)


def huge_texts(chance: random.Random) -> Iterator[Case]:
    for spot, name in each_present(chance, ("string", "markdown", "uri", "url", "canonical")):
        if isinstance(spot.node[name], str) and name != "data":  # measured as an attachment
            value = CANARY + "x" * 65_536
            yield a_case("huge text", spot, name, value, Code.TEXT_TOO_LONG)


_NUMBERS: Final = ("1e400", "-1e400", "9" * 33, f"0.{'1' * 40}", "1e-999", "NaN", "Infinity")


def huge_numbers(chance: random.Random) -> Iterator[Case]:
    whole = ("integer", "unsignedInt", "positiveInt")
    for spot, member in each_member(chance):
        if member.type not in {"decimal", *whole} or member.many:
            continue
        for raw in _NUMBERS:
            kind, code = "huge number", Code.NUMBER_RANGE
            yield a_case(kind, spot, member.name, RAW, code, raw=raw.encode())
        if member.type in whole:
            for raw in ("2147483648", "-2147483649", "1.5", "1.0", "1e2"):
                code = Code.VALUE_FORMAT if raw[-1] in "89" else Code.VALUE_TYPE
                codes = {Code.VALUE_FORMAT, Code.VALUE_TYPE} if code is Code.VALUE_TYPE else {code}
                kind = "number beyond an integer"
                yield a_case(kind, spot, member.name, RAW, *codes, raw=raw.encode())


def wrong_resource_type(chance: random.Random) -> Iterator[Case]:
    kind = "wrong resourceType"
    for tree in chance.sample(valid(), 150):
        rtype = tree["resourceType"]
        spot = Spot(tree, Site((), rtype, rtype))
        other = chance.choice(sorted(READ_TYPES - {rtype}))
        wrong: tuple[Any, ...] = (
            CANARY,
            rtype.lower(),
            other,
            5,
            None,
            True,
            [rtype],
            {"x": 1},
            "",
        )
        codes = (Code.WRONG_TYPE, Code.UNKNOWN_TYPE, Code.EMPTY_VALUE)
        for value in (*wrong, GONE):
            at = "Resource" if value in (None, GONE) else rtype
            yield a_case(kind, spot, "resourceType", value, *codes, place=at)


JSON: Final[tuple[Make, ...]] = (
    duplicate_members,
    deep_nesting,
    control_characters,
    huge_texts,
    huge_numbers,
    wrong_resource_type,
)
