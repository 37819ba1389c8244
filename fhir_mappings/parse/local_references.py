"""References to contained resources: https://hl7.org/fhir/R4/references.html#contained.

`#id` resolves in the resource that contains (ref-1), every contained one is referred to (dom-3),
none contains another (dom-2) nor has a version or security labels of its own (dom-4, dom-5).
"""

from collections.abc import Iterator

from fhir_mappings.model.json import Json, Tree, members, text
from fhir_mappings.parse.nested import contained, resources
from fhir_mappings.parse.places import Fault, Path
from fhir_mappings.problems import Code


def faults(tree: Tree) -> Iterator[Fault]:
    """Yield what does not resolve or must not be contained, by path, in no order."""
    for path, one in resources(tree):
        if path[-2:-1] == ("contained",):
            yield from _of_contained(one, path)
        else:
            yield from _of_container(one, path)


def _of_container(tree: Tree, path: Path) -> Iterator[Fault]:
    local = [(place, value) for place, value in _texts(tree, path) if value[0] == "#"]
    inside = contained(tree)
    known = {f"#{text(one, 'id')}" for one in inside} | {"#"}
    for place, value in local:
        if place[-1] == "reference" and value not in known:
            yield Fault(place[:-1], Code.CONTAINED_NOT_FOUND)
    said = {value for _, value in local}
    for index, one in enumerate(inside):
        name = text(one, "id")
        if name and f"#{name}" not in said and not _points_out(one):
            yield Fault((*path, "contained", index), Code.INVARIANT, "dom-3")


def _of_contained(tree: Tree, path: Path) -> Iterator[Fault]:
    meta = members(tree.get("meta"))
    if "contained" in tree:
        yield Fault((*path, "contained"), Code.INVARIANT, "dom-2")
    if "versionId" in meta or "lastUpdated" in meta:
        yield Fault((*path, "meta"), Code.INVARIANT, "dom-4")
    if "security" in meta:
        yield Fault((*path, "meta"), Code.INVARIANT, "dom-5")


def _points_out(tree: Tree) -> bool:
    """Say whether a contained resource refers to the one around it, which dom-3 allows too."""
    return any(value == "#" for _, value in _texts(tree, ()))


def _texts(node: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every text of one resource with its path: not those of resources it only carries."""
    if isinstance(node, str) and node:
        yield path, node
    elif isinstance(node, dict):
        for name, value in node.items():
            if name not in {"resource", "outcome"} or "resourceType" not in members(value):
                yield from _texts(value, (*path, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts(value, (*path, index))
