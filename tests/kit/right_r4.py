"""The control group: odd and legal R4, of which nothing may be refused."""

import random
from collections.abc import Iterator
from typing import Final, cast

from fhir_mappings.model.json import encode
from tests.kit.definitions import Member, Resource, Value
from tests.kit.mutations import (
    ABSENT,
    GONE,
    R4,
    RAW,
    Case,
    Make,
    Spot,
    a_case,
    contains,
    each_member,
    each_present,
    escaped,
    is_sole,
    put,
    spots,
    valid,
)


def as_published(_: random.Random) -> Iterator[Case]:
    for tree in valid():
        yield _taken("as published", tree, tree["resourceType"])


def _taken(kind: str, tree: Resource, what: str, body: bytes = b"") -> Case:
    return Case(kind=kind, what=what, rtype=tree["resourceType"], body=body or encode(tree))


def extension_added(chance: random.Random) -> Iterator[Case]:
    values = [one for one in R4.members("Extension").values() if one.name.startswith("value")]
    for definition, places in spots().items():
        for spot in chance.sample(places, min(6, len(places))):
            if definition == "Extension" or "extension" not in R4.members(definition):
                continue
            one = chance.choice(values)
            added = {"url": "https://ehr.example/anything", one.name: R4.sample(one)}
            value = [*spot.node.get("extension", ()), added]
            yield a_case("extension added", spot, "extension", value)


def absent_with_a_reason(chance: random.Random) -> Iterator[Case]:
    """A required primitive whose value is missing, with the extension that says so: legal R4."""
    for spot, member in each_member(chance):
        required = {each for need in R4.required(spot.site.definition) for each in need.members}
        if member.name not in required or member.many or not R4.is_primitive(member.type):
            continue
        absent = member.name not in spot.node or f"_{member.name}" in spot.node
        if absent or _is_ruled(spot, member) or member.name == "url":
            continue
        node = {k: v for k, v in spot.node.items() if k != member.name}
        node[f"_{member.name}"] = {"extension": ABSENT}
        kind = "value absent with its reason"
        yield _taken(kind, put(spot.tree, spot.site.path, node), spot.what(member.name))


_RULED: Final = frozenset(
    {
        *(("Appointment", one) for one in ("start", "end", "status")),
        *(("AllergyIntolerance", f"{one}Status") for one in ("clinical", "verification")),
        *(("Condition", f"{one}Status") for one in ("clinical", "verification")),
        *(("Bundle", one) for one in ("type", "identifier", "timestamp", "entry")),
        ("List", "mode"),
    }
)
"""Elements that an invariant over values asks for: dropping them may be a fault."""


def _is_ruled(spot: Spot, member: Member) -> bool:
    definition = spot.site.definition
    return (
        (definition, member.name) in _RULED
        or definition.startswith("Bundle.")
        or bool(R4.notes(definition, "rule"))
    )


def optional_removed(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        node = spot.node
        required = {each for need in R4.required(spot.site.definition) for each in need.members}
        twin = f"_{member.name}" in node
        kept = set(node) - {member.name, "id"}
        optional = member.name in node and member.name not in required and not twin
        # what is contained must be referred to, and a reference may be the one that does
        free = not _is_ruled(spot, member) and not contains(spot.tree)
        if optional and kept and free:
            yield a_case("optional element removed", spot, member.name, GONE)


def reordered(chance: random.Random) -> Iterator[Case]:
    for tree in valid():
        yield _taken("members reordered", _shuffled(tree, chance), tree["resourceType"])


def _shuffled(node: Value, chance: random.Random) -> Value:
    if type(node) is dict:
        tree = cast("Resource", node)
        names = list(tree)
        chance.shuffle(names)
        return {name: _shuffled(tree[name], chance) for name in names}
    if type(node) is list:
        return [_shuffled(one, chance) for one in cast("list[Value]", node)]
    return node


_SPACES: Final = (b" ", b"\n", b"\t", b"\r\n", b"   ")


def white_space(chance: random.Random) -> Iterator[Case]:
    for tree in valid():
        body = _spaced(encode(tree), chance)
        yield _taken("white space", tree, tree["resourceType"], body)


def _spaced(body: bytes, chance: random.Random) -> bytes:
    """White space after structural characters outside of strings."""
    said = bytearray(chance.choice(_SPACES))
    quoted = escaped = False
    for one in body:
        said.append(one)
        if quoted:
            quoted, escaped = escaped or one != ord('"'), not escaped and one == ord("\\")
        elif one == ord('"'):
            quoted = True
        elif one in b"{[,:":
            said += chance.choice(_SPACES)
    return bytes(said + chance.choice(_SPACES))


_DECIMALS: Final = ("1", "1.0", "1.10", "1E2", "1e-22", "-0.5", "0", "12345678901234567890.123")


def number_forms(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        ruled = spot.site.definition in {"Timing.repeat", "SampledData"} or _is_ruled(spot, member)
        if member.type == "decimal" and member.name in spot.node and not ruled:
            for raw in _DECIMALS:
                kind = "form of a number"
                yield a_case(kind, spot, member.name, RAW, raw=raw.encode())


_DATES_TAKEN: Final[dict[str, tuple[str, ...]]] = {
    "date": ("2026", "2026-02", "2024-02-29", "2000-02-29", "0001-01-01"),
    "dateTime": ("2026", "2026-02", "2026-02-28", "2016-12-31T23:59:60Z"),
    "instant": ("2026-11-01T10:00:00.123456789Z", "2026-11-01T10:00:00-14:00"),
    "time": ("00:00:00", "23:59:59.999"),
}


def date_forms(chance: random.Random) -> Iterator[Case]:
    bounds = {"start", "end", "lastModified", "authoredOn"}  # per-1 and inv-1 compare these
    for spot, member in each_member(chance):
        kinds = _DATES_TAKEN.get(member.type, ())
        if member.many or member.name not in spot.node or member.name in bounds:
            continue
        for value in kinds:
            yield a_case("form of a date", spot, member.name, value)


_TEXTS: Final = (
    "Zoë 🩺 東京 \u202eabc\u202c \u200b",
    "a\ttab,\na line",
    "<script>alert(1)</script>",
    "x" * 1_000,
    'with "quotes" and \\ strokes',
)


def texts(chance: random.Random) -> Iterator[Case]:
    for spot, name in each_present(chance, ("string", "markdown", "xhtml")):
        own = name in {"id", "reference"} or (spot.site.definition, name) == ("Bundle.entry", "x")
        url = spot.site.definition.startswith("Bundle.")
        if isinstance(spot.node[name], str) and not own and not url:
            yield a_case("any text", spot, name, chance.choice(_TEXTS))


def escaped_once(chance: random.Random) -> Iterator[Case]:
    for spot, name in each_present(chance):
        body = encode(spot.tree)
        said = f'"{escaped(chance, name)}":'.encode()
        kind = "member name escaped"
        yield _taken(kind, spot.tree, spot.what(name), body.replace(f'"{name}":'.encode(), said, 1))


def references_elsewhere(chance: random.Random) -> Iterator[Case]:
    for spot, member in each_member(chance):
        if member.type != "Reference" or contains(spot.tree) or not is_sole(spot, member):
            continue
        target = chance.choice(member.targets or ("Patient",))
        for value in (
            {"reference": f"https://elsewhere.example/fhir/{target}/1"},
            {"reference": f"{target}/1/_history/2"},
            {"identifier": {"system": "urn:x", "value": "1"}},
            {"display": "known by name alone"},
        ):
            given = [value] if member.many else value
            yield a_case("reference to elsewhere", spot, member.name, given)


RIGHT: Final[tuple[Make, ...]] = (
    as_published,
    extension_added,
    absent_with_a_reason,
    optional_removed,
    reordered,
    white_space,
    number_forms,
    date_forms,
    texts,
    escaped_once,
    references_elsewhere,
)
