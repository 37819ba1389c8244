"""Tree and compiled schema of R4 4.0.1 → faults: members, cardinality, types, bindings.

The schema is made by `service/content/r4/build.py`; its notes (`element`, `choice`, `rule`, `set`,
`targets`) tell which fault a condition that does not hold means. Each resource inside another is
judged by its own type, so paths stay exact. Types of R4 outside the schema pass unread.
"""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

import jsonschema_rs

from fhir_mappings.model.json import Json, Tree, members, text
from fhir_mappings.parse.nested import resources
from fhir_mappings.parse.places import Fault, Path, is_empty, problems
from fhir_mappings.parse.targets import Targets
from fhir_mappings.problems import Code, Problem
from fhir_mappings.terms.r4_names import READ_TYPES, RESOURCE_TYPES

_DATES: Final = frozenset({"date", "dateTime", "instant", "time"})
_WHOLE: Final = "whole"
_MOST_CONTAINERS: Final = 1_000
_Kind: TypeAlias = jsonschema_rs.ValidationErrorKind
_Typed: TypeAlias = dict[str, Tree]
"""A resource under the name of its type: how the schema finds its definition."""


class _Whole:
    """Our keyword `whole`: 1.0 is no integer in FHIR, though JSON Schema takes it for one."""

    def __init__(self, parent_schema: object, value: object, schema_path: object) -> None:
        """Take what the library gives; the keyword has no settings."""

    def validate(self, instance: object) -> None:
        """Refuse a whole number that was not written as an integer; 1.5 has failed already."""
        if isinstance(instance, (float, Decimal)) and instance % 1 == 0:
            raise TypeError


class Shape:
    """The compiled schema: made once at start, asked for every message."""

    def __init__(self, text: str) -> None:
        """Compile the schema's text (about 40 ms)."""
        self._schema: dict[str, Json] = json.loads(text)
        self._targets = Targets(self._schema)
        self._validator = jsonschema_rs.validator_for(
            self._schema,
            keywords={_WHOLE: _Whole},
            pattern_options=jsonschema_rs.RegexOptions(),  # linear time, whatever the text
            mask="",  # no value stands in a message, and none is written out for one
        )

    def faults(self, tree: Tree, at: str = "") -> list[Problem]:
        """List what is wrong with a resource and those inside it, in document order.

        `at` stands before every expression, as in `Bundle.entry[2].resource`; without it the
        expressions begin with the resource's type.
        """
        return problems(tree, at, self.found(tree))

    def found(self, tree: Tree) -> Iterator[Fault]:
        """Yield the faults by path, one resource after the other."""
        read: list[tuple[Path, _Typed]] = []
        for path, one in resources(tree):
            rtype = one.get("resourceType")
            if isinstance(rtype, str) and rtype in READ_TYPES:
                read.append((path, {rtype: one}))
            elif not isinstance(rtype, str) or rtype not in RESOURCE_TYPES:
                yield Fault(path, Code.UNKNOWN_TYPE if one else Code.EMPTY_VALUE)
        if not self._validator.is_valid([typed for _, typed in read]):
            for path, typed in read:
                yield from self._explained(typed, path)
        yield from self._targets.faults(tree)

    def _explained(self, typed: _Typed, path: Path) -> Iterator[Fault]:
        ((_, one),) = typed.items()
        if self._validator.is_valid([typed]):
            return
        for error in self._errors(typed):
            _, _, *inside = error.instance_path  # index and type: how the schema is addressed
            *place, _ = error.schema_path
            yield from _faults(
                _Error(
                    kind=error.kind,
                    path=path + tuple(inside),
                    value=_follow(one, inside),
                    schema=_follow(self._schema, place),
                    name=str(place[1]),  # "$defs", name, …
                )
            )

    def _errors(self, typed: _Typed) -> Iterable[jsonschema_rs.ValidationError]:
        """Return all errors of a resource, or only the first of a monstrous one.

        The library finds all before it yields one, at 30 us each: 18,000 empty objects in 54 kB
        took 1.6 s (measured).
        """
        if not _is_monstrous(typed):
            return self._validator.iter_errors([typed])
        try:
            self._validator.validate([typed])
        except jsonschema_rs.ValidationError as first:
            return [first]
        return []


def _is_monstrous(typed: _Typed) -> bool:
    """Say whether a resource by itself holds more objects and arrays than any that people send."""
    left = _MOST_CONTAINERS
    stack = [value for tree in typed.values() for value in tree.values()]
    while stack and left:
        node = stack.pop()
        if isinstance(node, list):
            left -= 1
            stack.extend(node)
        elif isinstance(node, dict) and "resourceType" not in node:
            left -= 1
            stack.extend(node.values())
    return not left


class _Error(NamedTuple):
    """One error of the schema library, with what it stands on."""

    kind: _Kind
    path: Path
    value: Json
    schema: Json
    name: str


def _faults(error: _Error) -> Iterator[Fault]:
    if is_empty(error.value):
        yield Fault(error.path, Code.EMPTY_VALUE)
        return
    match error.kind:
        case _Kind.AdditionalProperties(unexpected):
            for each in unexpected:
                yield Fault((*error.path, each), Code.UNKNOWN_ELEMENT)
        case _Kind.Required(element):
            yield Fault((*error.path, element), Code.REQUIRED)
        case _Kind.FalseSchema():
            yield _of_note(error)
        case _:
            yield _of_value(error)


def _of_note(error: _Error) -> Fault:
    """Name the fault of a condition that does not hold, by the schema's note beside it."""
    if rule := text(error.schema, "rule"):
        return Fault(error.path, Code.INVARIANT, rule)
    if value_set := text(error.schema, "set"):
        return Fault(error.path, Code.REQUIRED_BINDING, value_set)
    if targets := text(error.schema, "targets"):
        return Fault(error.path[:-1], Code.REFERENCE_TYPE, targets)
    if choice := text(error.schema, "choice"):
        return Fault((*error.path, choice), Code.CHOICE)
    return Fault((*error.path, text(error.schema, "element")), Code.REQUIRED)


def _of_value(error: _Error) -> Fault:
    is_array = isinstance(error.value, list)
    match error.kind:
        case _Kind.MinItems():
            return Fault(error.path, Code.CARDINALITY)
        case _Kind.Type() | _Kind.Enum() if is_array or text(error.schema, "type") == "array":
            return Fault(error.path, Code.CARDINALITY)
        case _Kind.Enum() if isinstance(error.value, str):
            return Fault(error.path, Code.REQUIRED_BINDING, text(error.schema, "set"))
        case _Kind.Enum():
            return Fault(error.path, Code.VALUE_TYPE, "code")
        case _Kind.Type():
            return Fault(error.path, Code.VALUE_TYPE, _primitive(error.name))
        case _:
            return Fault(error.path, _of_format(error.name), _primitive(error.name))


def _primitive(name: str) -> str:
    return name.removesuffix("?") if name[0].islower() else ""


def _of_format(name: str) -> Code:
    if name == "id":
        return Code.ID_FORM
    return Code.NOT_A_DATE if name.removesuffix("?") in _DATES else Code.VALUE_FORMAT


def _follow(node: Json, path: Iterable[str | int]) -> Json:
    for step in path:
        if isinstance(step, int) and isinstance(node, list):
            node = node[step]
        else:
            node = members(node).get(str(step))
    return node
