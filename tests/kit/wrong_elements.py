"""Elements that R4 does not have so: each definition's members, one fault at a time."""

import random
from collections.abc import Iterator
from typing import Any, Final

from fhir_mappings.model.json import encode
from fhir_mappings.problems import Code
from tests.kit.definitions import Member, Resource, Site
from tests.kit.mutations import (
    CANARY,
    R4,
    Case,
    Make,
    Spot,
    a_case,
    contains,
    each_member,
    is_sole,
    put,
    spots,
    valid,
)

_DATES: Final = ("date", "dateTime", "instant", "time")


def required_dropped(_: random.Random) -> Iterator[Case]:
    for definition, places in spots().items():
        for need in R4.required(definition):
            for spot in places[:: max(1, len(places) // 6)]:
                tree = dict(spot.node)
                for name in need.members:
                    tree.pop(name, None)
                    tree.pop(f"_{name}", None)
                code, place = Code.REQUIRED, f"{spot.site.place}.{need.name}"
                if not tree:
                    code, place = Code.EMPTY_VALUE, spot.site.place
                yield Case(
                    kind="required element dropped",
                    what=spot.what(need.name),
                    rtype=spot.tree["resourceType"],
                    body=encode(put(spot.tree, spot.site.path, tree)),
                    codes=frozenset({code}),
                    place=place,
                )


_WRONG_TYPE: Final[dict[str, tuple[Any, ...]]] = {
    "boolean": ("true", CANARY, 1, {"x": True}),
    "decimal": ("1.0", CANARY, True, {"x": 1}),
    **dict.fromkeys(("integer", "unsignedInt", "positiveInt"), ("3", CANARY, True, {"x": 1})),
}
_OF_TEXT: Final[tuple[Any, ...]] = (5, True, {"x": CANARY})
_OF_OBJECT: Final[tuple[Any, ...]] = (CANARY, 5, False)


def json_type_swapped(chance: random.Random) -> Iterator[Case]:
    kind = "JSON type swapped"
    for spot, member in each_member(chance):
        if member.type == "Resource":
            continue
        primitive = R4.is_primitive(member.type)
        wrong = _WRONG_TYPE.get(member.type, _OF_TEXT) if primitive else _OF_OBJECT
        for value in wrong:
            place = spot.place(member.name)
            given, at = ([value], f"{place}[0]") if member.many else (value, place)
            if not (primitive and member.many and f"_{member.name}" in spot.node):
                yield a_case(kind, spot, member.name, given, Code.VALUE_TYPE, place=at)


def array_and_single_swapped(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        sample = R4.sample(member)
        twin = R4.is_primitive(member.type) and f"_{member.name}" in spot.node
        if member.type != "Resource" and not twin:
            value = sample[0] if member.many else [sample]
            kind = "array and single swapped"
            yield a_case(kind, spot, member.name, value, Code.CARDINALITY)


def required_code_replaced(chance: random.Random) -> Iterator[Case]:
    kind = "required-bound code replaced"
    for definition, places in spots().items():
        for member in R4.members(definition).values():
            if not member.value_set or (definition, member.name) == ("Bundle", "type"):
                continue
            for spot in chance.sample(places, min(4, len(places))):
                if member.many and f"_{member.name}" in spot.node:
                    continue
                for value in _codes(member):
                    given = [value] if member.many else value
                    at = f"{spot.place(member.name)}{'[0]' if member.many else ''}"
                    code = Code.REQUIRED_BINDING
                    yield a_case(kind, spot, member.name, given, code, place=at)


def _codes(member: Member) -> Iterator[Any]:
    if not member.codes:
        yield {"coding": [{"system": "urn:other", "code": CANARY}]}
        yield {"text": CANARY}
        return
    yield CANARY
    yield f"{member.codes[0]}x"
    if member.codes[0].upper() not in member.codes:
        yield member.codes[0].upper()


def two_choices(chance: random.Random) -> Iterator[Case]:
    for definition, places in spots().items():
        for name, kinds in R4.choices(definition).items():
            for spot in chance.sample(places, min(8, len(places))):
                one, two = chance.sample(kinds, 2)
                tree = {
                    **spot.node,
                    **{each: R4.sample(R4.members(definition)[each]) for each in (one, two)},
                }
                yield Case(
                    kind="two choices of one element",
                    what=spot.what(name),
                    rtype=spot.tree["resourceType"],
                    body=encode(put(spot.tree, spot.site.path, tree)),
                    codes=frozenset({Code.CHOICE}),
                    place=f"{spot.site.place}.{name}",
                )


_EMPTY: Final[tuple[Any, ...]] = (None, [], {}, "", "  ")


def empty_values(chance: random.Random) -> Iterator[Case]:
    kind = "null, [], {} and blank"
    for spot, member in each_member(chance):
        place = spot.place(member.name)
        twin = R4.is_primitive(member.type) and f"_{member.name}" in spot.node
        if twin:
            continue
        for value in _EMPTY:
            yield a_case(kind, spot, member.name, value, Code.EMPTY_VALUE)
            if member.many:
                yield a_case(
                    kind, spot, member.name, [value], Code.EMPTY_VALUE, place=f"{place}[0]"
                )


def unknown_elements(chance: random.Random) -> Iterator[Case]:
    kind = "unknown element"
    for places in spots().values():
        for spot in chance.sample(places, min(4, len(places))):
            for name in (CANARY, f"_{CANARY}", "Status", "fhir_commentz"):
                at = spot.site.place
                yield a_case(kind, spot, name, CANARY, Code.UNKNOWN_ELEMENT, place=at)


_NO_DATES: Final = (
    *("2026-02-30", "1900-02-29", "2026-13-01", "2026-00-10", "0000-01-01", "26-01-01"),
    *("2026-1-1", "2026/01/01", "20260101", "2026-01-01T24:00:00Z", "2026-01-01T10:00:00"),
    *("2026-01-01T10:00Z", "2026-01-01T10:61:00Z", "2026-01-01T10:00:00+15:00", "yesterday"),
    *("2026-01-01 10:00:00Z", "10:00", "25:00:00", "2026-01-01T10:00:00z", "2026-06-31"),
)


def bad_dates(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        kind = member.type.removesuffix("?")
        if kind not in _DATES or (member.many and f"_{member.name}" in spot.node):
            continue
        for value in chance.sample(_NO_DATES, 6):
            given = [value] if member.many else value
            at = f"{spot.place(member.name)}{'[0]' if member.many else ''}"
            yield a_case("bad date", spot, member.name, given, Code.NOT_A_DATE, place=at)


_NO_FORM: Final[dict[str, tuple[Any, ...]]] = {
    "uri": ("urn: x", "http://a.example/a b"),
    "url": ("http://a.example/a b",),
    "canonical": ("http://a.example/a b",),
    "code": ("a  b", " a", "a "),
    "oid": ("1.2.3", "urn:oid:3.2", "urn:oid:1.02"),
    "uuid": ("53fefa32-fcbb-4ff8-8a92-55ee120877b7", "urn:uuid:1"),
    "base64Binary": ("YQ=", "Y*==", "YQ==="),
    "unsignedInt": (-1,),
    "positiveInt": (0, -1),
    "id": ("x" * 65, "a/b", "a b", "ä"),
}


def bad_forms(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        if member.many:
            continue
        for value in _NO_FORM.get(member.type, ()):
            codes = {Code.ID_FORM} if member.type == "id" else {Code.VALUE_FORMAT}
            yield a_case("form of a primitive", spot, member.name, value, *codes)


def unpaired_arrays(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        if member.many and R4.is_primitive(member.type) and member.type != "Resource":
            one = R4.sample(member)[0]
            node = {**spot.node, member.name: [one, one], f"_{member.name}": [{"id": "x"}]}
            yield Case(
                kind="primitive arrays that do not pair",
                what=spot.what(member.name),
                rtype=spot.tree["resourceType"],
                body=encode(put(spot.tree, spot.site.path, node)),
                codes=frozenset({Code.PRIMITIVE_PAIRING}),
                place=spot.place(member.name),
            )


def references_to_another_type(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        if not member.targets:
            continue
        wrong = sorted({"Basic", "Account", "Slot"} - set(member.targets))
        for target in wrong:
            for reference in (
                f"{target}/1",
                f"https://ehr.example/fhir/{target}/1",
                f"{target}/1/_history/2",
            ):
                value = {"reference": reference}
                given = [value] if member.many else value
                at = f"{spot.place(member.name)}{'[0]' if member.many else ''}"
                kind = "reference to another type"
                yield a_case(kind, spot, member.name, given, Code.REFERENCE_TYPE, place=at)


def contained_not_there(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        if member.type == "Reference" and not contains(spot.tree) and is_sole(spot, member):
            value = {"reference": f"#{CANARY}"}
            given = [value] if member.many else value
            at = f"{spot.place(member.name)}{'[0]' if member.many else ''}"
            kind = "reference to nothing contained"
            yield a_case(kind, spot, member.name, given, Code.CONTAINED_NOT_FOUND, place=at)


def wrong_contained(chance: random.Random) -> Iterator[Case]:
    kind = "wrong contained"
    for tree in _containers(chance):
        spot = Spot(tree, Site((), tree["resourceType"], tree["resourceType"]))
        place = f"{spot.site.place}.contained[0]"
        unread = {"resourceType": CANARY, "id": "a"}
        yield a_case(kind, spot, "contained", [unread], Code.UNKNOWN_TYPE, place=place)
        yield a_case(kind, spot, "contained", [{"id": "a"}], Code.UNKNOWN_TYPE, place=place)
        for rtype in (5, None, True, [CANARY], {"x": CANARY}):
            odd = {"resourceType": rtype, "id": "a"}
            yield a_case(
                kind, spot, "contained", [odd], Code.UNKNOWN_TYPE, Code.EMPTY_VALUE, place=place
            )
        unused = {"resourceType": "Patient", "id": "never-named"}
        yield a_case(kind, spot, "contained", [unused], Code.INVARIANT, place=place)


def _containers(chance: random.Random) -> list[Resource]:
    """Resources that may contain others, and contain none."""
    trees = [
        one
        for one in valid()
        if "contained" in R4.members(one["resourceType"]) and "contained" not in one
    ]
    return chance.sample(trees, 60)


ELEMENTS: Final[tuple[Make, ...]] = (
    required_dropped,
    json_type_swapped,
    array_and_single_swapped,
    required_code_replaced,
    two_choices,
    empty_values,
    unknown_elements,
    bad_dates,
    bad_forms,
    unpaired_arrays,
    references_to_another_type,
    contained_not_there,
    wrong_contained,
)
