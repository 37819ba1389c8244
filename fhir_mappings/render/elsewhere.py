"""How a placer's server is told of what it does not hold: identifier and display, no address.

Servers refuse foreign addresses in what they index (HAPI), and a relative reference of ours leads
there to somebody else's resource. Source: PROTOCOL §6 (References there).
"""

from collections.abc import Mapping
from typing import Final

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.visit import There

_OURS_ALONE: Final = frozenset({"id", "meta", "text"})


def plain(stored: Tree, named: Mapping[str, Tree]) -> Tree:
    """Return a resource of ours without id, meta and narrative, each reference stood in for.

    References into `contained` stay; so does what already has an identifier or display.
    """
    kept: Tree = {name: value for name, value in stored.items() if name not in _OURS_ALONE}
    return members(_elsewhere(kept, named))


def _elsewhere(value: Json, named: Mapping[str, Tree]) -> Json:
    """Replace each reference to something of ours by what stands in for it."""
    if isinstance(value, list):
        return [_elsewhere(one, named) for one in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("reference")
    if isinstance(reference, str) and not reference.startswith("#"):
        return _stand_in(value, reference, named)
    return {name: _elsewhere(one, named) for name, one in value.items()}


def _stand_in(value: Tree, reference: str, named: Mapping[str, Tree]) -> Tree:
    known = named.get(reference, {})
    said: Tree = {name: value[name] for name in ("identifier", "display") if name in value}
    return {**known, **said} or {"display": reference.partition("/")[0]}


def order(place: There) -> Tree:
    """Return the reference to the order as that server knows it."""
    if place.order:
        return {"reference": place.order}
    system, value = place.order_identifier
    return {"identifier": {"system": system, "value": value}}


def naming(tree: Tree) -> Tree:
    """Return identifier and display that stand in for a reference to a resource of ours."""
    identifiers = items(tree.get("identifier"))
    display = _display(tree) or text(tree, "resourceType")
    named: Tree = {"identifier": identifiers[0]} if identifiers else {}
    return named | {"display": display}


def words(concept: Json) -> str:
    """Say a concept: its text, else the first display or code."""
    codings = items(members(concept).get("coding"))
    first = members(codings[0]) if codings else {}
    return text(concept, "text") or text(first, "display") or text(first, "code")


def _display(tree: Tree) -> str:
    name = tree.get("name")
    if isinstance(name, str):
        return name
    human = members(items(name)[0]) if items(name) else {}
    given = [one for one in items(human.get("given")) if isinstance(one, str)]
    spoken = " ".join([*given, text(human, "family")]).strip()
    return text(human, "text") or spoken or words(tree.get("code"))
