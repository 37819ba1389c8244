"""A second opinion on a resource: fhir.resources (R4B models), behind the schema (decision 4).

For `$validate`, for explaining a refused resource, and as an oracle in tests; never proof that a
resource is valid. Its messages quote what was sent, so only the type of an error is passed on.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from fhir_mappings.model.json import Tree
from fhir_mappings.parse.nested import resources
from fhir_mappings.parse.places import Fault, problems
from fhir_mappings.problems import Code, Problem
from fhir_mappings.terms.r4_names import READ_TYPES, RESOURCE_TYPES

_R4_ALONE: Final = frozenset({"valueMeta"})
"""Legal in R4, unknown to the R4B models."""

_CODES: Final[Mapping[str, Code]] = MappingProxyType(
    {
        "extra_forbidden": Code.UNKNOWN_ELEMENT,
        "missing": Code.REQUIRED,
        "list_type": Code.CARDINALITY,
        "value_error": Code.VALUE_FORMAT,
        "string_pattern_mismatch": Code.VALUE_FORMAT,
        "string_too_short": Code.EMPTY_VALUE,
        "fhir-validation-wrong-resource-type": Code.WRONG_TYPE,
    }
)
"""Error types of pydantic and fhir_core; any other says that a value is not of its type."""


def explain(tree: Tree, at: str = "") -> list[Problem]:
    """List what the R4B models find wrong with a resource of a type that we read.

    An empty list is no approval: the models know no bindings, lengths or invariants.
    """
    untyped = [
        Fault(path, Code.UNKNOWN_TYPE)
        for path, one in resources(tree)
        if not isinstance(one.get("resourceType"), str) or one["resourceType"] not in RESOURCE_TYPES
    ]
    rtype = tree.get("resourceType")
    if untyped or not isinstance(rtype, str) or rtype not in READ_TYPES:
        return problems(tree, at, untyped)
    return problems(tree, at, _faults(tree, rtype))


def _faults(tree: Tree, rtype: str) -> list[Fault]:
    try:
        get_fhir_model_class(rtype).model_validate(tree)
    except ValidationError as refused:
        found = refused.errors(include_input=False, include_url=False)
        return [
            Fault(tuple(one["loc"]), _CODES.get(one["type"], Code.VALUE_TYPE))
            for one in found
            if not _R4_ALONE.intersection(one["loc"])
        ]
    except (KeyError, TypeError):
        # A resource inside is of a type that R4B no longer has: it has nothing to say.
        return []
    return []
