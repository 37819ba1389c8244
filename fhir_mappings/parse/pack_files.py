"""A pack's files (FHIR JSON) → a layer: Library, PlanDefinition, ValueSets.

The Library carries the tables and the text patterns as attachments, each action of the
PlanDefinition one rule. A ValueSet named `set.system` lists a set's codes of one code system; one
named `set` includes those, and other sets where it is their union.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar, cast

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.pack_head import Base, PackHead
from fhir_mappings.parse.pack_layers import Layer
from fhir_mappings.parse.value_sets import Described, ValueSet, included
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.terms import packs

_UNKNOWN: Final = re.compile(r"unknown field `(?P<name>[^`]*)`")
_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_ACTIONS: Final = {priority: action for action, priority in packs.PRIORITIES.items()}


_NONE: Final = msgspec.Raw(b"[]")


class _Library(Described, frozen=True, kw_only=True, tag_field="resourceType", tag="Library"):
    type: msgspec.Raw = _NONE
    related: msgspec.Raw = msgspec.field(default=_NONE, name="relatedArtifact")
    content: msgspec.Raw = _NONE


class _Plan(Described, frozen=True, kw_only=True, tag_field="resourceType", tag="PlanDefinition"):
    type: msgspec.Raw = _NONE
    library: msgspec.Raw = _NONE
    extension: msgspec.Raw = _NONE
    related: msgspec.Raw = msgspec.field(default=_NONE, name="relatedArtifact")
    action: msgspec.Raw = _NONE


_Resource: TypeAlias = _Library | _Plan | ValueSet
_Kept = TypeVar("_Kept", _Library, _Plan)
_untyped = msgspec.json.Decoder(float_hook=Decimal)


def read_layer(files: Mapping[str, bytes]) -> Layer:
    """Read the resources of one folder by the names of their files.

    Raises:
        Refused: `pack`, where a file has not the form of one of the three resources.
    """
    decoder: msgspec.json.Decoder[_Resource] = msgspec.json.Decoder(_Resource)
    found = [_decoded(decoder, name, files[name]) for name in sorted(files)]
    library = _one([one for one in found if isinstance(one, _Library)], "Library")
    plan = _one([one for one in found if isinstance(one, _Plan)], "PlanDefinition")
    sets = tuple(one for one in found if isinstance(one, ValueSet))
    held = dict(_attached(library))
    actions = _trees(plan.action)
    rules = _rules(actions)
    return Layer(
        head=_head(library),
        tables=held.get(packs.TABLES, {}),
        texts=held.get(packs.TEXTS, {}),
        rules=rules,
        written=rules,
        actions={text(one, "id"): one for one in actions},
        sources={text(one, "label"): text(one, "citation") for one in _trees(plan.related)},
        withdrawn=dict(_withdrawn(one) for one in _trees(plan.extension)),
        sets=sets,
        includes={one.id: included(one) for one in sets if one.whole},
        canonicals={one.id: one.url for one in sets if one.whole},
    )


def fault(reason: str, inside: str) -> Problem:
    """Turn msgspec's sentence into a problem that names the member and its place."""
    named, placed = _UNKNOWN.search(reason), _PLACE.search(reason)
    place = f"{inside}{placed['path'] if placed else ''}"
    member = named["name"] if named else _PLACE.sub("", reason)
    return Problem(Code.PACK, place, member)


def _decoded(decoder: msgspec.json.Decoder[_Resource], name: str, data: bytes) -> _Resource:
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as reason:
        raise Refused(fault(str(reason), name)) from None


def tree_of(data: bytes | str, place: str) -> Tree:
    """Parse a JSON object; numbers with a point are decimals.

    Raises:
        Refused: `pack`, where it is none.
    """
    try:
        return members(cast("Json", _untyped.decode(data)))
    except msgspec.DecodeError:
        raise Refused(Problem(Code.PACK, place, "not JSON")) from None


def _trees(data: msgspec.Raw) -> list[Tree]:
    return [members(one) for one in items(cast("Json", _untyped.decode(data)))]


def _one(found: list[_Kept], rtype: str) -> _Kept:
    if len(found) != 1:
        raise Refused(Problem(Code.PACK, rtype, f"exactly one {rtype}"))
    return found[0]


def _head(library: _Library) -> PackHead:
    related = _trees(library.related)
    on = [text(one, "resource") for one in related if text(one, "type") == "depends-on"]
    url, _, version = on[0].partition("|") if on else ("", "", "")
    return PackHead(
        name=library.id,
        version=library.version,
        url=library.url.removesuffix(f"/Library/{library.id}"),
        title=library.title,
        language=library.language,
        date=library.date,
        copyright=library.copyright,
        base=Base(url=url, version=version) if on else None,
    )


def _attached(library: _Library) -> Iterator[tuple[str, Tree]]:
    for one in _trees(library.content):
        title = text(one, "title")
        try:
            data = b64decode(text(one, "data"), validate=True)
        except NotBase64:
            raise Refused(Problem(Code.PACK, title, "not base64")) from None
        yield title, tree_of(data, title)


def _rules(actions: Iterable[Tree]) -> dict[str, Tree]:
    found: dict[str, Tree] = {}
    faults: list[Problem] = []
    for one in actions:
        rule = _rule(one)
        name = text(rule, "id")
        if not name or name in found:
            faults.append(Problem(Code.PACK, f"action[{name}]", "id"))
        found[name] = rule
    refuse_any(faults)
    return found


def _rule(action: Tree) -> Tree:
    """Put a rule together again from its action."""
    documents = [members(one) for one in items(action.get("documentation"))]
    return {
        **_expressed(action),
        "id": text(action, "id"),
        "title": text(action, "title"),
        "action": _ACTIONS.get(text(action, "priority"), ""),
        "message": {
            "scheduler": text(action, "description"),
            "referrer": text(action, "textEquivalent"),
        },
        "rationale": "".join(_of_type(documents, "justification", "display")),
        "sources": [*_of_type(documents, "citation", "label")],
        "signoff": next(
            (
                text(one, "valueCode")
                for one in items(action.get("extension"))
                if text(one, "url") == packs.SIGN_OFF
            ),
            "",
        ),
    }


def _expressed(action: Tree) -> Tree:
    """Read the condition's expression: the members of the rule that have no element."""
    spoken = [members(members(one).get("expression")) for one in items(action.get("condition"))]
    place = f"action[{text(action, 'id')}].condition"
    if len(spoken) != 1 or _language(spoken[0]) != packs.LANGUAGE:
        raise Refused(Problem(Code.PACK, place, packs.LANGUAGE))
    return tree_of(text(spoken[0], "expression"), place)


def _language(expression: Tree) -> str:
    told = items(members(expression.get("_language")).get("extension"))
    return next(
        (text(one, "valueCode") for one in told if text(one, "url") == packs.EXPRESSION_LANGUAGE),
        "",
    )


def _of_type(documents: Iterable[Tree], kind: str, member: str) -> Iterator[str]:
    yield from (text(one, member) for one in documents if text(one, "type") == kind)


def _withdrawn(extension: Tree) -> tuple[str, str]:
    """Read which rule of the base acts no more, and why.

    Raises:
        Refused: `pack`, for an extension that says something else.
    """
    if text(extension, "url") != packs.WITHDRAWN:
        raise Refused(Problem(Code.PACK, "PlanDefinition.extension", text(extension, "url")))
    parts = {text(one, "url"): members(one) for one in items(extension.get("extension"))}
    return text(parts.get("rule"), "valueCode"), text(parts.get("reason"), "valueString")
