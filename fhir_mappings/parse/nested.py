"""Resources inside resources: contained, of a Bundle's entries, of Parameters."""

from collections.abc import Iterator
from typing import Final

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.places import Path

BOXES: Final = frozenset({"Bundle", "Parameters"})
"""Types that say nothing themselves and hold resources that do."""


def resources(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Tree]]:
    """Yield the resource itself and each one inside it, at any depth, with its path.

    What stands where a resource should and is no object is left to the schema.
    """
    yield path, tree
    for inside, value in _inside(tree):
        if isinstance(value, dict):
            yield from resources(value, path + inside)


def beside(tree: Tree) -> dict[str, Tree]:
    """Return what a Bundle holds, by the references that lead to it: fullUrl, type and id."""
    found: dict[str, Tree] = {}
    for one in items(tree.get("entry")) if text(tree, "resourceType") == "Bundle" else ():
        resource = members(members(one).get("resource"))
        found[text(one, "fullUrl")] = resource
        found[f"{text(resource, 'resourceType')}/{text(resource, 'id')}"] = resource
    return found


def contained(tree: Tree) -> list[Tree]:
    """Return the contained resources of one resource."""
    return [each for each in items(tree.get("contained")) if isinstance(each, dict)]


def _inside(tree: Tree) -> Iterator[tuple[Path, Json]]:
    if "contained" in tree:
        for index, value in enumerate(items(tree["contained"])):
            yield ("contained", index), value
    match tree.get("resourceType"):
        case "Bundle":
            for index, entry in enumerate(items(tree.get("entry"))):
                yield ("entry", index, "resource"), members(entry).get("resource")
                response = members(members(entry).get("response"))
                yield ("entry", index, "response", "outcome"), response.get("outcome")
        case "Parameters":
            yield from _of_parameters(tree, "parameter", ())
        case _:
            pass


def _of_parameters(tree: Tree, name: str, path: Path) -> Iterator[tuple[Path, Json]]:
    for index, each in enumerate(items(tree.get(name))):
        here: Path = (*path, name, index)
        yield (*here, "resource"), members(each).get("resource")
        yield from _of_parameters(members(each), "part", here)
