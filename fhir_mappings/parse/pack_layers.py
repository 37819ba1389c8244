"""Packs as layers: a clinic's own over the one that we ship.

A layer is what one folder of FHIR resources says, in the plain trees of the rule object. Its
members are looked at only when the layers lie on each other and are read as one pack.
"""

from collections.abc import Iterator, Mapping

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.pack_head import PackHead
from fhir_mappings.parse.value_sets import ValueSet
from fhir_mappings.problems import Code, Problem, Refused, refuse_any


class Layer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What one pack's files say.

    `rules` are by their ids; `written` are the same before new variants are named in them,
    `actions` the elements that they were read from. `sets` list codes; `includes` name the sets
    inside each set that has a ValueSet of its own, none for a plain one; `canonicals` are the
    addresses of those. `withdrawn` are rules of the base that act no more, with the reason.
    """

    head: PackHead
    tables: Tree
    texts: Tree
    rules: Mapping[str, Tree]
    written: Mapping[str, Tree]
    actions: Mapping[str, Tree]
    sources: Mapping[str, str]
    withdrawn: Mapping[str, str]
    sets: tuple[ValueSet, ...]
    includes: Mapping[str, tuple[str, ...]]
    canonicals: Mapping[str, str]


def laid(base: Layer, own: Layer) -> Layer:
    """Lay a clinic's layer over its base.

    Objects of the tables and the texts are joined member by member, everything else is replaced
    whole; a rule of the same id is replaced whole. Codes are added. Its variants that are like
    another one are judged by that one's rules.

    Raises:
        Refused: `pack`, where the base is not the pack and version that the own one names, or a
            set of the base is told anew: codes are added to it, never taken.
    """
    named = own.head.base
    if base.head.base is not None:
        raise Refused(Problem(Code.PACK, "Library.relatedArtifact", "a base that has a base"))
    if named is None or (named.url, named.version) != (base.head.library, base.head.version):
        at = "Library.relatedArtifact"
        raise Refused(Problem(Code.PACK, at, f"base {base.head.version}"))
    refuse_any(
        Problem(Code.PACK, "ValueSet", name)
        for name in sorted(own.canonicals.keys() & base.canonicals.keys())
    )
    both = {**base.rules, **own.rules}
    rules = {name: one for name, one in both.items() if name not in own.withdrawn}
    tables, like = _variants(joined(base.tables, own.tables))
    return Layer(
        head=own.head,
        tables=tables,
        texts=joined(base.texts, own.texts),
        rules={name: members(_widened(one, like)) for name, one in rules.items()},
        written=rules,
        actions={},
        sources={**base.sources, **own.sources},
        withdrawn=own.withdrawn,
        sets=base.sets + own.sets,
        includes={**base.includes, **own.includes},
        canonicals={**base.canonicals, **own.canonicals},
    )


def joined(base: Tree, own: Tree) -> Tree:
    """Join two objects: objects inside member by member, everything else is the own one."""
    both = {
        name: joined(members(base[name]), members(one)) if _objects(base.get(name), one) else one
        for name, one in own.items()
    }
    return {**base, **both}


def _objects(one: Json, other: Json) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


def _variants(tables: Tree) -> tuple[Tree, dict[str, str]]:
    """Take from the list of variants which is like which one."""
    order = members(tables.get("order"))
    form = members(order.get("variant"))
    rows = [members(row) for row in items(form.get("first"))]
    like = {text(row, "variant"): text(row, "like") for row in rows if "like" in row}
    plain: list[Json] = [{name: one for name, one in row.items() if name != "like"} for row in rows]
    if not like:
        return tables, like
    return {**tables, "order": {**order, "variant": {**form, "first": plain}}}, like


def _widened(tree: Json, like: Mapping[str, str]) -> Json:
    """Name a variant in a rule wherever the one that it is like is named."""
    if not like:
        return tree
    if isinstance(tree, list):
        return [_widened(one, like) for one in tree]
    if not isinstance(tree, dict):
        return tree
    by_variant = tree.get("kind") == "variant"
    return {
        name: list(_added(items(one), like))
        if name == "variants" or (by_variant and name == "values")
        else _widened(one, like)
        for name, one in tree.items()
    }


def _added(named: list[Json], like: Mapping[str, str]) -> Iterator[Json]:
    yield from named
    yield from (one for one, other in like.items() if other in named and one not in named)
