"""What a clinic writes by hand to change a pack → what its own pack says.

The source names numbers, words and codes; here they are put where they act, so that the pack that
is built holds each changed rule whole, as a reader and a signer see it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.pack_head import Base, PackHead
from fhir_mappings.model.texts import folded
from fhir_mappings.parse.own_threshold import NewNumber, numbered
from fhir_mappings.parse.pack_files import fault, tree_of
from fhir_mappings.parse.pack_layers import Layer, joined
from fhir_mappings.problems import Code, Problem, Refused, refuse_any

SOURCE: Final = "pack.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
"""Of a pack or set: with the name of a code system it is an id of FHIR, and the name of a file."""
_SPECIAL: Final = re.compile(r"([.^$*+?{}\[\]\\|()])")
_APPLIES: Final[Tree] = {
    "siteValueSets": [],
    "notSiteValueSets": [],
    "preconditions": [],
    "sex": [],
    "ageMinYears": None,
    "ageMaxYears": None,
    "onlyWhen": None,
}
_RULE: Final[Tree] = {
    "kind": "clinical",
    "match": "any",
    "givesWayTo": [],
    "thresholds": [],
    "doesNotFire": "",
    "note": None,
}
"""Members that a new rule may leave out: they restrict and add nothing."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A part of the source: unknown members are refused."""


class NewVariant(_Strict, frozen=True):
    """A variant that the base does not know, judged by the rules of one that it is like."""

    variant: str
    names: tuple[str, ...]
    like: str


class _Source(_Strict, frozen=True):
    name: str
    version: str
    url: str
    title: str
    date: str
    copyright: str
    base: Base
    language: str = "en"
    numbers: tuple[NewNumber, ...] = ()
    variants: tuple[NewVariant, ...] = ()
    rules: dict[str, msgspec.Raw] = {}
    withdrawn: dict[str, str] = {}
    codes: dict[str, dict[str, dict[str, str]]] = {}
    words: dict[str, tuple[str, ...]] = {}
    sources: dict[str, str] = {}
    tables: msgspec.Raw = msgspec.Raw(b"{}")
    texts: msgspec.Raw = msgspec.Raw(b"{}")


class OwnPack(msgspec.Struct, frozen=True, kw_only=True):
    """What a clinic's pack says beside its base.

    `rules` are whole. `codes` lead from set, system and code to the display; `new_sets` are those
    that the base does not have.
    """

    head: PackHead
    tables: Tree
    texts: Tree
    rules: Mapping[str, Tree]
    sources: Mapping[str, str]
    withdrawn: Mapping[str, str]
    codes: Mapping[str, Mapping[str, Mapping[str, str]]]
    new_sets: tuple[str, ...]


def read_own(data: bytes, base: Layer) -> OwnPack:
    """Read a clinic's source over the pack that it names.

    Raises:
        Refused: `pack`, with the member, rule or number that is unknown or not as it says.
    """
    try:
        source = msgspec.json.decode(data, type=_Source)
    except msgspec.DecodeError as reason:
        raise Refused(fault(str(reason), SOURCE)) from None
    refuse_any(_unknown(source, base))
    tables = joined(_ordered(source.variants, base), tree_of(bytes(source.tables), "tables"))
    variants = [*_variants(base), *(one.variant for one in source.variants)]
    given = {name: tree_of(bytes(one), f"rules[{name}]") for name, one in source.rules.items()}
    rules = {name: _whole(name, one, base, variants) for name, one in given.items()}
    rules, tables = numbered(source.numbers, base, rules, tables)
    return OwnPack(
        head=_head(source),
        tables=tables,
        texts=joined(_worded(source.words, base), tree_of(bytes(source.texts), "texts")),
        rules=rules,
        sources=source.sources,
        withdrawn=source.withdrawn,
        codes=source.codes,
        new_sets=tuple(sorted({*source.codes, *source.words} - base.canonicals.keys())),
    )


def _unknown(source: _Source, base: Layer) -> Iterator[Problem]:
    """Name what the base does not have, and names that cannot be ids and names of files."""
    if source.name == base.head.name or not _NAME.fullmatch(source.name):
        yield Problem(Code.PACK, "name", source.name)
    for name in sorted({*source.codes, *source.words}):
        if not _NAME.fullmatch(name):
            yield Problem(Code.PACK, "codes, words", name)
    for name in source.withdrawn.keys() - base.rules.keys():
        yield Problem(Code.PACK, "withdrawn", name)
    for one in source.variants:
        if one.like not in _variants(base):
            yield Problem(Code.PACK, "variants.like", one.like)


def _head(source: _Source) -> PackHead:
    return PackHead(
        name=source.name,
        version=source.version,
        url=source.url.rstrip("/"),
        title=source.title,
        language=source.language,
        date=source.date,
        copyright=source.copyright,
        base=source.base,
    )


def _rows(base: Layer) -> list[Json]:
    order = members(members(base.tables.get("order")).get("variant"))
    return items(order.get("first"))


def _variants(base: Layer) -> list[str]:
    return [text(row, "variant") for row in _rows(base)]


def _ordered(variants: tuple[NewVariant, ...], base: Layer) -> Tree:
    """Put new variants before those of the base: the first whose sets are all named counts."""
    if not variants:
        return {}
    new = [cast("Tree", msgspec.to_builtins(one)) for one in variants]
    rows: list[Json] = [*new, *_rows(base)]
    return {"order": {"variant": {"first": rows}}}


def _whole(name: str, given: Tree, base: Layer, variants: list[str]) -> Tree:
    """Return a changed rule of the base with the changes in it, or a new one with all members."""
    if name in base.rules:
        return joined(base.rules[name], given)
    listed: list[Json] = [*variants]
    applies: Tree = {"variants": listed, **_APPLIES, **members(given.get("appliesWhen"))}
    inputs: list[Json] = [
        {"withinDays": None, **members(one)} for one in items(given.get("inputs"))
    ]
    return {"id": name, **_RULE, **given, "appliesWhen": applies, "inputs": inputs}


def _worded(words: Mapping[str, tuple[str, ...]], base: Layer) -> Tree:
    """Return the pattern lists of sets with more words, each a whole word in any case."""
    held = members(base.texts.get("patterns"))
    lists: Tree = {name: _list(members(held.get(name)), new) for name, new in words.items()}
    return {"patterns": lists} if lists else {}


def _list(held: Tree, words: tuple[str, ...]) -> Tree:
    stems = held.get("stems", [])
    return {
        "caseSensitive": [],
        "caseSensitiveStems": [],
        **held,
        "ignoreCase": [*items(held.get("ignoreCase")), *map(_pattern, words)],
        "stems": None if stems is None else [*items(stems), *map(folded, words)],
    }


def _pattern(word: str) -> str:
    """Match a word as it is written; the edges are those of a word where it has letters."""
    plain = _SPECIAL.sub(r"\\\1", word)
    before = r"\b" if word[:1].isalnum() else ""
    after = r"\b" if word[-1:].isalnum() else ""
    return f"{before}{plain}{after}"
