"""What a schema cannot see: empty values anywhere, pairing, periods, local references.

Invariants that ask only which elements are there are in the schema (`service/content/r4/rules.py`).
Sources: FHIR R4 json.html (null, [] and {}; pairing of primitive arrays); the others by the key of
their invariant on R4's pages.
"""

from collections.abc import Iterator

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.parse import invariants, local_references
from fhir_mappings.parse.nested import resources
from fhir_mappings.parse.places import Fault, Path, is_empty, problems
from fhir_mappings.problems import Code, Problem


def faults(tree: Tree, at: str = "") -> list[Problem]:
    """List what is wrong with a resource and those inside it, in document order.

    `at` stands before every expression, as in `Bundle.entry[2].resource`.
    """
    return problems(tree, at, found(tree))


def found(tree: Tree) -> Iterator[Fault]:
    """Yield the faults by path, in no order."""
    plain, local = _glance(tree)
    if not plain:
        yield from _of_object(tree, ())
    if local:
        yield from local_references.faults(tree)
    for path, one in resources(tree):
        for fault in invariants.faults(one):
            yield fault._replace(path=path + fault.path)


def _glance(tree: Tree) -> tuple[bool, bool]:  # noqa: C901, PLR0912 - the hot loop, measured
    """Say whether nothing needs a look with paths, and whether anything refers to its own inside.

    One pass over every value of every message, so it calls nothing: about 40 ns a value.
    """
    plain, local = True, False
    stack: list[Tree | list[Json]] = [tree]
    while stack:
        node = stack.pop()
        if not node:
            plain = False
        elif type(node) is dict:
            if "id" in node and len(node) == 1:  # an id alone is no content (ele-1)
                plain = False
            if "contained" in node:
                local = True
            if "end" in node and "start" in node and invariants.ends_before_it_starts(node):
                plain = False
            for name, value in node.items():
                if type(value) is str:
                    if not value or value.isspace():
                        plain = False
                    elif value[0] == "#":
                        local = True
                elif type(value) is dict:
                    stack.append(value)
                elif type(value) is list:
                    stack.append(value)
                    if name[:1] == "_":  # pairs with another array
                        plain = False
                elif value is None:
                    plain = False
        else:
            for value in node:
                if type(value) is dict or type(value) is list:
                    stack.append(value)
                elif not value or (type(value) is str and value.isspace()):
                    plain = False
    return plain, local


def _of_object(node: Tree, path: Path) -> Iterator[Fault]:
    if not node:
        yield Fault(path, Code.EMPTY_VALUE)
    if "resourceType" not in node and invariants.ends_before_it_starts(node):
        yield Fault(path, Code.INVARIANT, "per-1")
    for name, value in node.items():
        if isinstance(value, list):
            yield from _of_array(node, name, value, (*path, name))
            continue
        yield from _of_value(value, (*path, name))
        if _is_id_alone(value) and node.get(_other(name)) is None:
            yield Fault((*path, name), Code.INVARIANT, "ele-1")


def _of_array(node: Tree, name: str, value: list[Json], path: Path) -> Iterator[Fault]:
    if not value:
        yield Fault(path, Code.EMPTY_VALUE)
    other = node.get(_other(name))
    pair = other if isinstance(other, list) else None
    if pair is not None and len(pair) != len(value):
        yield Fault((*path[:-1], name.removeprefix("_")), Code.PRIMITIVE_PAIRING)
    for index, each in enumerate(value):
        here = (*path, index)
        held = pair is not None and index < len(pair) and pair[index] is not None
        if each is not None:
            yield from _of_value(each, here)
            if _is_id_alone(each) and not held:
                yield Fault(here, Code.INVARIANT, "ele-1")
        elif pair is None and all(one is None or isinstance(one, dict) for one in value):
            yield Fault(here, Code.EMPTY_VALUE)
        elif not held:
            yield Fault(here, Code.PRIMITIVE_PAIRING)


def _other(name: str) -> str:
    """Return the name of a member's twin: `given` and `_given` are one element."""
    return name[1:] if name[:1] == "_" else f"_{name}"


def _is_id_alone(value: Json) -> bool:
    return isinstance(value, dict) and len(value) == 1 and "id" in value


def _of_value(value: Json, path: Path) -> Iterator[Fault]:
    if isinstance(value, dict):
        yield from _of_object(value, path)
    elif isinstance(value, list):  # an array in an array: the schema says what is wrong with it
        yield from _of_array({}, "", value, path)
    elif is_empty(value):
        yield Fault(path, Code.EMPTY_VALUE)
