"""Resources inside a resource: contained ones, and those of a Bundle that came as an entry.

A reference inside a Bundle leads first to what it holds: by fullUrl, or by type and id.
Source: FHIR R4 references.html (contained), bundle.html (resolving references in Bundles).
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from fhir_mappings.model.json import Held, Tree, items, text
from fhir_mappings.parse.facts.source import Source
from fhir_mappings.parse.nested import resources
from fhir_mappings.parse.places import Path

_CONTAINED: Final = "contained"
_RESOURCE: Final = "resource"


def inside(held: Held, own: Source) -> Iterator[Source]:
    """Yield the resources that one holds at any depth, ready to be read; `own` is its source."""
    trees = dict(resources(held.tree))
    near = {
        reference: (trees[path], f"{held.identity}#{_root(own.root, path, trees[path])}")
        for path in trees
        if path[-1:] == (_RESOURCE,)
        for reference in _references(trees, path)
    }
    for path, tree in trees.items():
        if path:
            yield msgspec.structs.replace(
                own,
                rtype=text(tree, "resourceType"),
                tree=tree,
                root=_root(own.root, path, tree),
                holder=trees[path[:-2]] if path[-2] == _CONTAINED else tree,
                near=near,
            )


def _references(trees: Mapping[Path, Tree], path: Path) -> Iterator[str]:
    """Yield what leads to an entry of a Bundle: its fullUrl, and its type and id."""
    tree = trees[path]
    yield f"{text(tree, 'resourceType')}/{text(tree, 'id')}"
    *_, index, _ = path
    entries = items(trees.get(path[:-3], {}).get("entry"))
    if isinstance(index, int) and index < len(entries):
        yield text(entries[index], "fullUrl")


def _root(start: str, path: Path, tree: Tree) -> str:
    """Say the path as FHIRPath; a contained resource is told by its id."""
    steps = [f"[{one}]" if isinstance(one, int) else f".{one}" for one in path]
    if path[-2] == _CONTAINED:
        steps[-1] = f".where(id = '{text(tree, 'id')}')"
    return start + "".join(steps)
