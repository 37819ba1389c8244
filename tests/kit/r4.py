"""The compiled schema, once per test process, and the shortest way to a judgement."""

from functools import cache

from fhir_mappings.model.json import Json, Tree, encode
from fhir_mappings.parse import guard
from fhir_mappings.parse.resource import judge
from fhir_mappings.parse.shape import Shape
from service.content.definitions import load_shape


@cache
def shape() -> Shape:
    """Return the schema of R4 as the service ships it."""
    return load_shape()


def judged(tree: dict[str, Json]) -> list[tuple[str, str, str]]:
    """Judge a resource as it would arrive: (code, expression, context) of each problem."""
    read: Tree = guard.read(encode(tree))
    return [(one.code.value, one.expression, one.context) for one in judge(read, shape())]
