"""ValueSets of a pack → which set lists which code.

Source: rules.md of the content pack, Codes and text ("A union holds its members' codes").
"""

from collections.abc import Iterable, Mapping

import msgspec

from fhir_mappings.model.pack import Listed
from fhir_mappings.parse.concepts import Naming


class Described(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What any resource of a pack may say of itself; another element refuses the pack."""

    id: str
    url: str = ""
    version: str = ""
    name: str = ""
    title: str = ""
    status: str = ""
    experimental: bool = False
    date: str = ""
    publisher: str = ""
    description: str = ""
    copyright: str = ""
    language: str = ""


class _Contains(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    system: str
    code: str
    display: str = ""


class _Expansion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timestamp: str = ""
    contains: tuple[_Contains, ...] = ()


class _Include(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    value_set: tuple[str, ...] = ()


class _Compose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    include: tuple[_Include, ...] = ()


class ValueSet(Described, frozen=True, kw_only=True, tag_field="resourceType", tag="ValueSet"):
    """One file: the codes of one set in one code system, or what a whole set includes.

    A set told in another way (by concepts, filters, exclusions) is refused: it would be read as
    empty.
    """

    expansion: _Expansion = _Expansion()
    compose: _Compose = _Compose()

    @property
    def whole(self) -> bool:
        """Tell whether it stands for its set in every code system."""
        return "." not in self.id


def included(one: ValueSet) -> tuple[str, ...]:
    """Name the other sets that a whole set is the union of; its own parts are not named."""
    named = (url for row in one.compose.include for url in row.value_set)
    ids = (url.partition("|")[0].rpartition("/")[2] for url in named)
    return tuple(name for name in ids if "." not in name)


def set_of(one: ValueSet) -> str:
    """Return the set that a file lists codes of: files are named `set.system`."""
    return one.id.partition(".")[0]


def codes_of(
    sets: Iterable[ValueSet], includes: Mapping[str, tuple[str, ...]], naming: Naming
) -> dict[str, dict[str, Listed]]:
    """Index every code by system; a set's codes are those of every union that holds it too."""
    unions = _unions(includes)
    gathered: dict[str, dict[str, tuple[frozenset[str], str]]] = {}
    systems: dict[str, str] = {}
    for one in sets:
        name = set_of(one)
        own = frozenset({name}) | unions.get(name, frozenset())
        for held in one.expansion.contains:
            system = systems.setdefault(held.system, naming.system(held.system))
            listed = gathered.setdefault(system, {})
            code = naming.code(system, held.code)
            before = listed.get(code)
            listed[code] = (own, held.display) if before is None else (before[0] | own, before[1])
    return _interned(gathered)


def _interned(
    gathered: Mapping[str, Mapping[str, tuple[frozenset[str], str]]],
) -> dict[str, dict[str, Listed]]:
    """Share equal sets of names: tens of thousands of codes have a few hundred of them."""
    shared: dict[frozenset[str], frozenset[str]] = {}
    return {
        system: {
            code: Listed(shared.setdefault(sets, sets), display)
            for code, (sets, display) in listed.items()
        }
        for system, listed in gathered.items()
    }


def _unions(includes: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    """Return for each set the unions that hold it, at any depth."""
    holders: dict[str, set[str]] = {}
    for union, inside in includes.items():
        for one in _closed(inside, includes):
            holders.setdefault(one, set()).add(union)
    return {one: frozenset(unions) for one, unions in holders.items()}


def _closed(inside: tuple[str, ...], includes: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return the sets inside, and those inside them; a circle ends where it began."""
    found: set[str] = set()
    open_ = list(inside)
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_.extend(includes.get(one, ()))
    return frozenset(found)
