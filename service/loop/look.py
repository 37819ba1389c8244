"""Small looks into an answer: what stands at a place, which members carry a code."""

from fhir_mappings.model.json import Json, Tree, items, members


def at(tree: Json, *path: str | int) -> Json:
    """Follow members and positions; None where the path leads nowhere."""
    for step in path:
        if isinstance(step, int):
            row = items(tree)
            tree = row[step] if -len(row) <= step < len(row) else None
        else:
            tree = members(tree).get(step)
    return tree


def said(tree: Json, *path: str | int) -> str:
    """Return the string at a place, the empty string where there is none."""
    found = at(tree, *path)
    return found if isinstance(found, str) else ""


def each(tree: Json, *path: str | int) -> list[Tree]:
    """Return the objects of the array at a place."""
    return [members(one) for one in items(at(tree, *path))]


def resources(bundle: Json) -> list[Tree]:
    """Return the resources of a Bundle in the order of its entries."""
    return [members(entry.get("resource")) for entry in each(bundle, "entry")]


def code_of(concept: Json, system: str) -> str:
    """Return the code that a CodeableConcept has in one system, the empty string for none."""
    return next(
        (said(row, "code") for row in each(concept, "coding") if said(row, "system") == system), ""
    )
