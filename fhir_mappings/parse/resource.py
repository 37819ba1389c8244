"""Is this a resource of FHIR R4 that can be stored? Schema and cross-checks, all faults at once."""

from itertools import chain

from fhir_mappings.model.json import Tree
from fhir_mappings.parse import checks
from fhir_mappings.parse.places import problems
from fhir_mappings.parse.shape import Shape
from fhir_mappings.problems import MOST, Code, Problem


def judge(
    tree: Tree, shape: Shape, at: str = "", *, expect_type: str | None = None
) -> list[Problem]:
    """List what is wrong with a resource and those inside it: at most 50, in document order.

    `expect_type` is the type that the address names, where there is one. `at` stands before every
    expression, as in `Bundle.entry[2].resource`.
    """
    said = tree.get("resourceType")
    if expect_type is not None and said is not None and said != expect_type:  # an array has no hash
        return [Problem(Code.WRONG_TYPE, at or expect_type, expect_type)]
    return problems(tree, at, chain(shape.found(tree), checks.found(tree)))[:MOST]


def judge_bundle(tree: Tree, shape: Shape) -> list[Problem]:
    """List what is wrong with a Bundle, its entries and the resources in them."""
    return judge(tree, shape, expect_type="Bundle")
