"""Where references inside a message lead: `#id` and fullUrl name a resource whose type is known.

The schema judges what a reference says of its target (`Patient/1`); this judges what it reaches,
for the elements of the resource itself, such as `subject`. What reaches nothing is for others.
"""

from collections.abc import Iterator, Mapping

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.nested import contained, resources
from fhir_mappings.parse.places import Fault, Path
from fhir_mappings.problems import Code
from fhir_mappings.terms.r4_names import READ_TYPES


class Targets:
    """The types that each element's reference may lead to, taken from the schema's notes."""

    def __init__(self, schema: Tree) -> None:
        """Collect the elements of each type that is read."""
        definitions = members(schema.get("$defs"))
        self._allowed: Mapping[str, Mapping[str, str]] = {
            rtype: dict(_elements(members(definitions.get(rtype)), definitions))
            for rtype in READ_TYPES
        }

    def faults(self, tree: Tree) -> Iterator[Fault]:
        """Yield each reference that reaches a resource of another type, by path, in no order."""
        entries = _by_full_url(tree)
        known: Mapping[str, str] = entries
        for path, one in resources(tree):
            if path[-2:-1] != ("contained",):
                local = {f"#{text(each, 'id')}": _type(each) for each in contained(one)}
                known = {**entries, **local} if local else entries
            allowed = self._allowed.get(_type(one))
            if allowed and known:
                yield from _astray(one, path, allowed, known)


def _astray(
    tree: Tree, path: Path, allowed: Mapping[str, str], known: Mapping[str, str]
) -> Iterator[Fault]:
    for name, value in tree.items():
        targets = allowed.get(name)
        if targets is not None:
            for place, reached in _reached(value, known):
                if reached not in targets.split(", "):
                    yield Fault((*path, name, *place), Code.REFERENCE_TYPE, targets)


def _elements(definition: Tree, definitions: Tree) -> Iterator[tuple[str, str]]:
    for name, schema in members(definition.get("properties")).items():
        one = members(schema).get("items", schema)
        reference = members(members(members(one).get("properties")).get("reference"))
        target = text(reference, "$ref").rpartition("/")[2]
        if target:
            yield name, text(definitions.get(target), "targets")


def _by_full_url(tree: Tree) -> dict[str, str]:
    if tree.get("resourceType") != "Bundle":
        return {}
    entries = [members(entry) for entry in items(tree.get("entry"))]
    return {
        text(entry, "fullUrl"): _type(members(entry.get("resource")))
        for entry in entries
        if "fullUrl" in entry and "resource" in entry
    }


def _reached(value: Json, known: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            for place, reached in _reached(each, known):
                yield (index, *place), reached
    reached = known.get(text(value, "reference"), "")
    if reached:
        yield (), reached


def _type(tree: Tree) -> str:
    return text(tree, "resourceType")
