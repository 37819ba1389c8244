"""Resources inside a resource: contained ones, and those of a Bundle that came as an entry.

A reference inside a Bundle leads first to what it holds: by fullUrl, or by type and id.
Source: FHIR R4 references.html (contained), bundle.html (resolving references in Bundles).
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from fhir_mappings.model.json import Held, Tree, text
from fhir_mappings.parse.facts.source import Source
from fhir_mappings.parse.nested import beside, resources
from fhir_mappings.parse.places import Path

_CONTAINED: Final = "contained"


def inside(held: Held, own: Source) -> Iterator[Source]:
    """Yield the resources that one holds at any depth, ready to be read; `own` is its source."""
    trees: dict[Path, Tree] = {}
    near: dict[str, Tree] = {}
    for path, tree in resources(held.tree):
        trees[path] = tree
        near |= beside(tree)
        if path:
            yield msgspec.structs.replace(
                own,
                rtype=text(tree, "resourceType"),
                tree=tree,
                root=_root(own.root, path, tree),
                holder=trees[path[:-2]] if path[-2] == _CONTAINED else tree,
                near=near,
            )


def _root(start: str, path: Path, tree: Tree) -> str:
    """Say the path as FHIRPath; a contained resource is told by its id."""
    steps = [f"[{one}]" if isinstance(one, int) else f".{one}" for one in path]
    if path[-2] == _CONTAINED:
        steps[-1] = f".where(id = '{text(tree, 'id')}')"
    return start + "".join(steps)
