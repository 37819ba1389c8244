"""Where a reference leads: inside its own resource, or to a neighbour on the chart."""

from collections.abc import Iterator, Mapping

import msgspec

from fhir_mappings.model.chart import Chart
from fhir_mappings.model.fact import Loose, Said
from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.concepts import Naming, words


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One resource being read, with what it may lead to.

    `root` is the FHIRPath of the resource, its type unless another one holds it; `holder` is the
    resource that contains it, or itself; `near` what stands beside it in a Bundle that came as
    an entry, by reference, with the key of each.
    """

    chart: Chart
    naming: Naming
    rtype: str
    tree: Tree
    root: str
    holder: Tree
    near: Mapping[str, tuple[Tree, str]] = {}

    def follow(self, reference: str) -> tuple[Tree, str] | None:
        """Return the resource a reference leads to and its key; "" for a contained one.

        A reference to a version leads to the resource as it stands now.
        """
        if reference.startswith("#"):
            contained = map(members, items(self.holder.get("contained")))
            wanted = reference.removeprefix("#")
            found = next((one for one in contained if text(one, "id") == wanted), None)
            return (found, "") if wanted and found is not None else None
        bare = reference.partition("/_history/")[0]
        if bare in self.near:
            return self.near[bare]
        held = self.chart.lookup.get(bare)
        return (held.tree, str(held.identity)) if held else None

    def loose(self, element: str, path: str, reference: Json) -> Loose:
        """Tell of a reference that leads nowhere."""
        shown = text(reference, "reference") or text(reference, "display")
        return Loose(element=element, path=path, shown=shown)


def numbered(path: str, value: Json) -> list[tuple[str, Json]]:
    """Pair each item of an element with its path; the index stands only where it tells apart."""
    if not isinstance(value, list):
        return [] if value is None else [(path, value)]
    if len(value) == 1:
        return [(path, value[0])]
    return [(f"{path}[{index}]", one) for index, one in enumerate(value)]


def reached(source: Source, element: str) -> list[tuple[str, Json]]:
    """Return what stands at a dotted path, each with its own path."""
    found: list[tuple[str, Json]] = [(source.root, source.tree)]
    for step in element.split("."):
        found = [
            inner
            for path, one in found
            for inner in numbered(f"{path}.{step}", members(one).get(step))
        ]
    return found


def sections(source: Source) -> Iterator[tuple[str, Tree]]:
    """Yield the sections of a Composition at any depth, each with its path."""
    yield from _sections(source.root, source.tree)


def _sections(path: str, tree: Tree) -> Iterator[tuple[str, Tree]]:
    for where, one in numbered(f"{path}.section", tree.get("section")):
        section = members(one)
        yield where, section
        yield from _sections(where, section)


def concepts(source: Source, element: str) -> tuple[Said, ...]:
    """Read the CodeableConcepts at a dotted path."""
    return tuple(concept(source.naming, path, one) for path, one in reached(source, element))


def concept(naming: Naming, path: str, held: Json) -> Said:
    """Read one CodeableConcept."""
    return Said(path=path, place=path, codings=naming.codings(held), texts=words(held))
