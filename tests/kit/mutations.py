"""Wrong R4 with a known right answer: seeded mutations of valid resources, by kind.

Each case says what a reader must tell: the codes of which one is right, and the FHIRPath of the
place; a case without codes must be taken. Whatever is put in holds `CANARY`, so that an answer
that repeats the sender's value is seen.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from fhir_mappings.model.json import encode
from fhir_mappings.parse import guard
from fhir_mappings.problems import Code
from fhir_mappings.terms.r4_names import READ_TYPES
from tests.kit.corpus import payloads, public
from tests.kit.definitions import Member, Path, Resource, Site, Value, definitions

CANARY: Final = "CANARY-of-the-sender"
GONE: Final = object()
"""Stands for a member that is taken away."""
RAW: Final = "@@RAW@@"
_SMALL: Final = 9_000
"""Bytes of the resources that are mutated: more would only cost time."""
R4: Final = definitions()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One body; `codes` empty: it must be taken.

    `within`: the fault stands somewhere below `place`, or the reader gave up before any place.
    """

    kind: str
    what: str
    rtype: str
    body: bytes
    codes: frozenset[Code] = frozenset()
    place: str = ""
    within: bool = False

    @property
    def must_refuse(self) -> bool:
        return bool(self.codes)

    def fits(self, code: Code, expression: str) -> bool:
        """Say whether a fault that was told is the one that was made, at its place."""
        below = self.within and (not expression or expression.startswith(self.place))
        return code in self.codes and (expression == self.place or below)


@dataclass(frozen=True)
class Spot:
    """One object of one valid resource."""

    tree: Resource
    site: Site

    @property
    def node(self) -> Resource:
        return inside(self.tree, self.site.path)

    def place(self, name: str) -> str:
        return R4.place(self.site, name)

    def what(self, name: str) -> str:
        return f"{self.site.definition}.{name}"


Make = Callable[[random.Random], Iterator[Case]]


def cases(seed: int, makes: Sequence[Make], *, most: int) -> Iterator[Case]:
    """Yield the mutations of a seed, at most `most` of each kind, drawn from all there are."""
    for make in makes:
        chance = random.Random(f"{seed} {make.__name__}")  # noqa: S311 - the same dice in every run
        found = list(make(chance))
        yield from chance.sample(found, min(most, len(found)))


def inside(tree: Value, path: Path) -> Value:
    for step in path:
        tree = tree[step]
    return tree


def put(tree: Value, path: Path, value: Value) -> Value:
    """The same tree with another value at a path; the given one is not changed."""
    if not path:
        return value
    step, *rest = path
    changed: Value = copy(tree)
    if value is GONE and not rest:
        del changed[step]
    else:
        below: Value = changed[step] if rest else None
        changed[step] = put(below, tuple(rest), value)
    return changed


@cache
def valid() -> tuple[Resource, ...]:
    """Valid resources: what others published, and one of every definition by our own hand."""
    published = [one.body for one in (*public(), *payloads()) if len(one.body) < _SMALL]
    values = [one for one in R4.members("Extension").values() if one.name.startswith("value")]
    made: list[Resource] = [
        *(R4.least(rtype) for rtype in sorted(READ_TYPES)),
        *(R4.rich(rtype) for rtype in sorted(READ_TYPES)),
        *(
            {
                "resourceType": "Patient",
                "extension": [{"url": "urn:x", one.name: _full(one)}],
                "birthDate": "2026",
                "_birthDate": {"extension": [{"url": "urn:x", "valueTime": "10:00:00"}]},
                "name": [{"given": ["x", None], "_given": [None, {"extension": ABSENT}]}],
            }
            for one in values
        ),
    ]
    trees: list[Any] = [guard.read(body) for body in published]
    return (*(one for one in trees if one["resourceType"] in READ_TYPES), *made)


@cache
def spots() -> dict[str, tuple[Spot, ...]]:
    """Every object of every valid resource, by its definition."""
    found: dict[str, list[Spot]] = {}
    for tree in valid():
        for site in R4.sites(tree):
            found.setdefault(site.definition, []).append(Spot(tree, site))
    return {name: tuple(each) for name, each in sorted(found.items())}


ABSENT: Final = [
    {
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "unknown",
    }
]


def _full(one: Member) -> Value:
    return R4.sample(one) if R4.is_primitive(one.type) else R4.rich(one.type)


def a_case(
    kind: str,
    spot: Spot,
    name: str,
    value: Value,
    *codes: Code,
    place: str = "",
    raw: bytes = b"",
    within: bool = False,
) -> Case:
    """The case in which a member of an object has another value."""
    tree = put(spot.tree, (*spot.site.path, name), value)
    body = encode(tree)
    return Case(
        kind=kind,
        what=spot.what(name),
        rtype=spot.tree["resourceType"],
        body=body.replace(b'"%s"' % RAW.encode(), raw) if raw else body,
        codes=frozenset(codes),
        place=(place or spot.place(name)) if codes else "",
        within=within,
    )


def each_member(chance: random.Random) -> Iterator[tuple[Spot, Member]]:
    """Every member of every definition, each at a place drawn from the valid resources."""
    for definition, places in spots().items():
        for member in R4.members(definition).values():
            if not member.name.startswith("_"):
                yield _with(chance, places, member), member


def _with(chance: random.Random, places: Sequence[Spot], member: Member) -> Spot:
    """A place that has the member, where there is one."""
    having = [one for one in places if member.name in one.node]
    return chance.choice(having or places)


def each_present(chance: random.Random, kinds: Sequence[str] = ()) -> Iterator[tuple[Spot, str]]:
    """Members that stand in a resource, a few places for each."""
    for definition, places in spots().items():
        for member in R4.members(definition).values():
            if kinds and member.type.removesuffix("?") not in kinds:
                continue
            having = [one for one in places if member.name in one.node]
            for spot in chance.sample(having, min(3, len(having))):
                yield spot, member.name


def is_sole(spot: Spot, member: Member) -> bool:
    """Say whether the member can be set without making two choices of one element."""
    element = R4.element(spot.site.definition, member.name)
    return element == member.name or member.name in spot.node


def escaped(chance: random.Random, name: str) -> str:
    at = chance.randrange(len(name))
    return f"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"


def contains(tree: Resource) -> bool:
    return b'"contained"' in encode(tree)
