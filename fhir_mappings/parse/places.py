"""Where a fault stands: a path of member names and indices ⇄ FHIRPath, in document order.

An expression repeats only names that FHIR R4 gives: a member name is the sender's text too.
Source: https://hl7.org/fhirpath/ and FHIR R4 json.html (choice types, `_` twins).
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.problems import Code, Problem
from fhir_mappings.terms.r4_names import CHOICES, ELEMENTS, RESOURCE_TYPES

Path: TypeAlias = tuple[str | int, ...]

_NOT_CHOICES: Final = frozenset(
    {("", "doseQuantity"), ("property", "valueCode"), ("property", "valueQuantity")}
)
"""Named like one type of a choice, but plain: of a resource itself, of Device.property."""


class Fault(NamedTuple):
    """One fault of a tree, by the path from its root."""

    path: Path
    code: Code
    context: str = ""


def is_empty(value: Json) -> bool:
    """Say whether FHIR JSON forbids the value wherever it stands: null, [], {}, blank text."""
    return value is None or value in ({}, []) or (isinstance(value, str) and not value.strip())


def root(tree: Tree, at: str) -> str:
    """Return the first step of expressions: `at`, or the tree's own type where that is known."""
    rtype = tree.get("resourceType")
    return at or (rtype if isinstance(rtype, str) and rtype in RESOURCE_TYPES else "Resource")


def expression(path: Iterable[str | int], start: str) -> str:
    """Say a path as FHIRPath, as deep as R4's own names lead.

    `valueQuantity` is `value` and `_status` is `status`, as FHIRPath has them.
    """
    said = start
    parent = ""
    for step in path:
        if isinstance(step, int):
            said += f"[{step}]"
            continue
        name = step.removeprefix("_")
        if name not in ELEMENTS:
            break
        said += f".{name if (parent, name) in _NOT_CHOICES else CHOICES.get(name, name)}"
        parent = "" if name in {"contained", "resource"} else name
    return said


def problems(tree: Tree, at: str, faults: Iterable[Fault]) -> list[Problem]:
    """Turn faults into Problems, in document order and each only once."""
    start = root(tree, at)
    ordered = sorted(faults, key=lambda one: _position(tree, one.path))
    said = (Problem(one.code, expression(one.path, start), one.context) for one in ordered)
    return list(dict.fromkeys(said))


def _position(tree: Json, path: Path) -> tuple[int, ...]:
    """Return where a path stands among its siblings at each level, the missing first."""
    found: list[int] = []
    for step in path:
        if isinstance(step, int):
            found.append(step)
            tree = tree[step] if isinstance(tree, list) and step < len(tree) else None
        elif isinstance(tree, dict) and step in tree:
            found.append(list(tree).index(step))
            tree = tree[step]
        else:
            found.append(-1)
            tree = None
    return tuple(found)
