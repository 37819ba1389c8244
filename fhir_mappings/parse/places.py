"""Where a fault stands: a path of member names and indices ⇄ FHIRPath, in document order.

An expression repeats only names that FHIR R4 gives: a member name is the sender's text too.
Source: https://hl7.org/fhirpath/ and FHIR R4 json.html (choice types, `_` twins).
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.problems import Code, Problem
from fhir_mappings.terms.r4_names import CHOICES, ELEMENTS, RESOURCE_TYPES

Path: TypeAlias = tuple[str | int, ...]

_CAP: Final = 500

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
    """Turn faults into Problems, in document order and each only once.

    A hostile body can have a fault for every value: only the first 500 found are looked at.
    """
    start = root(tree, at)
    order = _Order(tree)
    ordered = sorted(islice(faults, _CAP), key=order.position)
    said = (Problem(one.code, expression(one.path, start), one.context) for one in ordered)
    return list(dict.fromkeys(said))


class _Order:
    """Where paths stand in a document; remembers the members of each object that it met."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._members: dict[int, dict[str, int]] = {}

    def position(self, fault: Fault) -> tuple[int, ...]:
        """Return the place among its siblings at each level; what is missing comes first."""
        node: Json = self._tree
        found: list[int] = []
        for step in fault.path:
            place, node = self._step(node, step)
            found.append(place)
        return tuple(found)

    def _step(self, node: Json, step: str | int) -> tuple[int, Json]:
        if isinstance(step, int):
            if isinstance(node, list) and step < len(node):
                return step, node[step]
            return -1, None
        if not isinstance(node, dict):
            return -1, None
        places = self._members.get(id(node))
        if places is None:
            places = {name: place for place, name in enumerate(node)}
            self._members[id(node)] = places
        return places.get(step, -1), node.get(step)
