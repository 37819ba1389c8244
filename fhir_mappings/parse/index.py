"""Tree → what searching needs: tokens, clinical interval, patient, references.

A token is text that a search can write again: type, parameter, value, joined so that no value can
look like another's. A coding gives three, because a search may name the code in its system
(`T|p|system|code`, with an empty system where there is none), the code anywhere (`T|p=code`), or
the system alone (`T|p|system|`). A reference gives `T|p|space|Type/id` and, for staff who see
several spaces, `T|p=Type/id`; one that leads out of our spaces gives `T|p=` and its address.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.instants import hull
from fhir_mappings.parse.references import references
from fhir_mappings.terms.search_parameters import (
    ACTORS,
    PATIENT_MEMBERS,
    TABLE,
    Kind,
    Parameter,
)

Resolve: TypeAlias = Callable[[str], str]
"""What a reference means in the resource's space, as `Type/id`; empty where it leads elsewhere."""

CHANGE: Final = "/_history/"


class Indexed(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps beside a resource so that it can be found.

    `at_from` and `at_to` are the clinical time, half-open, UTC; `patient_rid` is the id of the
    Patient that it is about (empty for none); `refs` are the `Type/id` it names, sorted.
    """

    tokens: tuple[str, ...] = ()
    at_from: datetime | None = None
    at_to: datetime | None = None
    patient_rid: str = ""
    refs: tuple[str, ...] = ()


def relative(reference: str) -> str:
    """Read a reference that is written as the space has it: `Type/id`, with or without version."""
    rest = reference.split(CHANGE, 1)[0]
    rtype, _, rid = rest.partition("/")
    known = rtype[:1].isupper() and rtype.isalpha() and rid and "/" not in rid
    return rest if known else ""


def under(base: str) -> Resolve:
    """Return the reading of references on the server at `base`: absolute ones below it too."""
    own = base.rstrip("/") + "/"
    return lambda reference: relative(reference.removeprefix(own))


def index(tree: Tree, *, space: UUID, resolve: Resolve = relative) -> Indexed:
    """Index one resource as it stands in its space."""
    rtype = text(tree, "resourceType")
    tokens: set[str] = set()
    at: tuple[datetime, datetime] | None = None
    for name, parameter in TABLE.get(rtype, {}).items():
        for value in _values(tree, parameter.paths):
            if parameter.kind is Kind.DATE:
                at = at or hull(value)
            else:
                tokens.update(_tokens(rtype, name, parameter, value, space, resolve))
    return Indexed(
        tokens=tuple(sorted(tokens)),
        at_from=at[0] if at else None,
        at_to=at[1] if at else None,
        patient_rid=patient_of(tree, resolve),
        refs=tuple(sorted({found for one, _ in references(tree, "") if (found := resolve(one))})),
    )


def token(rtype: str, name: str, system: str | None, code: str, *, exact: bool) -> str:
    """Write the token of a searched code: `system` None means any, empty means none.

    `exact` keeps the case of the code (identifiers). An empty code with a system means any code
    of it.
    """
    folded = code if exact else code.casefold()
    if system is None:
        return f"{rtype}|{name}={folded}"
    return f"{rtype}|{name}|{_escaped(system)}|{folded}"


def reference_token(rtype: str, name: str, space: UUID | None, target: str) -> str:
    """Write the token of a searched reference; without a space it means any, or an address."""
    return f"{rtype}|{name}|{space}|{target}" if space else f"{rtype}|{name}={target}"


def patient_of(tree: Tree, resolve: Resolve) -> str:
    """Return the id of the Patient that a resource is about, empty for none or another kind."""
    for path in (*PATIENT_MEMBERS, *ACTORS):
        for value in _values(tree, (path,)):
            rtype, _, rid = resolve(text(value, "reference")).partition("/")
            if rtype == "Patient":
                return rid
    return ""


def _values(tree: Tree, paths: Iterable[str]) -> Iterator[Json]:
    for path in paths:
        first, *rest = path.split(".")
        if first not in tree:  # most are not
            continue
        found = _next([tree], first)
        for name in rest:
            found = _next(found, name)
        yield from found


def _next(trees: list[Json], name: str) -> list[Json]:
    """Return what stands in a member of these, arrays opened."""
    found: list[Json] = []
    for one in trees:
        value = members(one).get(name)
        if isinstance(value, list):
            found += value
        elif value is not None:
            found.append(value)
    return found


def _tokens(
    rtype: str, name: str, parameter: Parameter, value: Json, space: UUID, resolve: Resolve
) -> Iterator[str]:
    if parameter.kind is Kind.REFERENCE:
        written = text(value, "reference")
        target = resolve(written)
        if not parameter.only or (target or written).partition("/")[0] in parameter.only:
            yield from _reference_tokens(rtype, name, space, target, written)
        return
    exact = parameter.kind is Kind.IDENTIFIER
    for system, code in _codes(value):
        yield token(rtype, name, None, code, exact=exact)
        yield token(rtype, name, system, code, exact=exact)
        if system:
            yield token(rtype, name, system, "", exact=exact)


def _reference_tokens(
    rtype: str, name: str, space: UUID, target: str, written: str
) -> Iterator[str]:
    if target:
        yield reference_token(rtype, name, space, target)
    if written:
        yield reference_token(rtype, name, None, target or written)


def _codes(value: Json) -> Iterator[tuple[str, str]]:
    """Yield system and code of a code, boolean, Coding, CodeableConcept or Identifier."""
    if isinstance(value, bool):
        yield "", "true" if value else "false"
    elif isinstance(value, str):
        yield "", value
    elif isinstance(value, dict) and "coding" in value:
        for coding in items(value["coding"]):
            yield from _codes(coding)
    elif isinstance(value, dict):
        code = text(value, "code") or text(value, "value")
        if code:
            yield text(value, "system"), code


def _escaped(system: str) -> str:
    return system.replace("\\", "\\\\").replace("|", "\\|")
