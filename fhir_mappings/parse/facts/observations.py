"""Observations: what was looked for and what was found; components count like Observations.

Source: FHIR R4 Observation, "a component is a result of its own that shares the date".
"""

import msgspec

from fhir_mappings.model.fact import Said
from fhir_mappings.model.json import Tree, members
from fhir_mappings.parse.facts.source import Source, concept, concepts, numbered
from fhir_mappings.parse.quantities import value_of


def code(source: Source) -> tuple[Said, ...]:
    """Read the code of any resource, and with an Observation's code its value."""
    if source.rtype != "Observation":
        return concepts(source, "code")
    parts = numbered(f"{source.root}.component", source.tree.get("component"))
    own = _found(source, source.root, source.tree)
    return own + tuple(one for path, held in parts for one in _found(source, path, members(held)))


def _found(source: Source, path: str, tree: Tree) -> tuple[Said, ...]:
    if "code" not in tree:
        return ()
    said = concept(source.naming, f"{path}.code", tree["code"])
    return (msgspec.structs.replace(said, value=value_of(tree, path, source.naming)),)
