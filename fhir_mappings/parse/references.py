"""Where references of a message lead: into the Bundle, to what stands here, or nowhere.

Source: PROTOCOL §4 (the rule of relative references), DECISIONS 20; FHIR R4 bundle.html#references.
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Final

import msgspec

from fhir_mappings.model.json import Identity, Json, Tree
from fhir_mappings.parse.bundle import Entry, Method, address
from fhir_mappings.parse.nested import BOXES, beside, resources
from fhir_mappings.problems import Code, Problem

_RELATIVE: Final = re.compile(
    r"(?P<rtype>[A-Z][A-Za-z]+)/(?P<rid>[A-Za-z0-9\-.]{1,64})(?:/_history/.+)?"
)
_CONDITIONAL: Final = re.compile(r"(?P<rtype>[A-Z][A-Za-z]+)\?(?P<query>.+)")
_URN: Final = ("urn:uuid:", "urn:oid:")


class Condition(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A condition on one type: the query of a conditional create, update or reference."""

    rtype: str
    query: str


def references(tree: Json, at: str) -> list[tuple[str, str]]:
    """Return each `reference` of a tree with its FHIRPath, in document order."""
    found: list[tuple[str, str]] = []
    _collect(tree, at, found)
    return found


def _collect(tree: Json, at: str, found: list[tuple[str, str]]) -> None:
    if isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, (dict, list)):
                _collect(value, f"{at}.{name}", found)
            elif name == "reference" and isinstance(value, str):
                found.append((value, f"{at}.{name}"))
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            if isinstance(value, (dict, list)):
                _collect(value, f"{at}[{place}]", found)


def conditions(entries: Iterable[Entry]) -> set[Condition]:
    """Return every condition that a message rests on."""
    found: set[Condition] = set()
    for entry in entries:
        if entry.condition and entry.method in (Method.POST, Method.PUT):
            found.add(Condition(rtype=entry.rtype, query=entry.condition))
        for reference, _ in references(entry.tree, ""):
            if match := _CONDITIONAL.fullmatch(reference):
                found.add(Condition(rtype=match["rtype"], query=match["query"]))
    return found


def rewrites(
    entries: Iterable[Entry],
    identities: Mapping[int, Identity],
    matches: Mapping[Condition, Identity],
    *,
    base: str,
) -> tuple[dict[int, dict[str, str]], list[Problem]]:
    """Say what each reference becomes here, and which lead nowhere inside the Bundle.

    Args:
        entries: The message.
        identities: The identity that each entry (by place) has or gets here.
        matches: What each condition matched.
        base: Our own public base: an absolute reference below it is a relative one.

    Returns:
        By place of the entry: reference as written to reference here. And the faults: a urn that
        no entry has, a conditional reference without its one match.
    """
    by_url = _by_url(entries, identities)
    found: dict[int, dict[str, str]] = {}
    problems: list[Problem] = []
    for entry in entries:
        here = found.setdefault(entry.place, {})
        source = address(entry)
        held = _held_inside(entry)
        for reference, at in references(entry.tree, entry.at):
            if reference in held:
                continue
            target = _target(reference, source[0] if source else "", by_url, matches, base)
            if isinstance(target, Code):
                problems.append(Problem(target, at))
            elif target != reference:
                here[reference] = target
    return found, problems


def identity_of(reference: str) -> Identity | None:
    """Read a reference that is already one of the space: `Type/id`, with or without a version."""
    match = _RELATIVE.fullmatch(reference)
    return Identity(rtype=match["rtype"], rid=match["rid"]) if match else None


def _held_inside(entry: Entry) -> Container[str]:
    """Return the references that lead to what an entry holds itself: a Bundle in the Bundle."""
    if entry.rtype not in BOXES:
        return ()
    return {url for _, tree in resources(entry.tree) for url in beside(tree)}


def _by_url(entries: Iterable[Entry], identities: Mapping[int, Identity]) -> dict[str, str]:
    known: dict[str, str] = {}
    for entry in entries:
        identity = identities.get(entry.place)
        if identity is None:
            continue
        if entry.full_url:
            known[entry.full_url] = str(identity)
        if entry.method is Method.PUT and entry.rid:
            known[f"{entry.rtype}/{entry.rid}"] = str(identity)
    return known


def _target(
    reference: str,
    source: str,
    by_url: Mapping[str, str],
    matches: Mapping[Condition, Identity],
    base: str,
) -> str | Code:
    if reference.startswith("#"):
        return reference
    bare = reference.partition("/_history/")[0]
    if bare in by_url:
        return by_url[bare]
    if reference.startswith(_URN):
        return Code.REFERENCE_NOT_FOUND
    if match := _CONDITIONAL.fullmatch(reference):
        met = matches.get(Condition(rtype=match["rtype"], query=match["query"]))
        return str(met) if met else Code.CONDITION_NONE
    if source and f"{source}/{bare}" in by_url:
        return by_url[f"{source}/{bare}"]
    return bare.removeprefix(f"{base}/") if bare.startswith(f"{base}/") else reference


def about(tree: Tree) -> str:
    """Return the reference to whom a resource is about: its subject, patient or `for`."""
    for name in ("subject", "patient", "for", "individual"):
        value = tree.get(name)
        if isinstance(value, dict) and isinstance(value.get("reference"), str):
            return str(value["reference"])
    return ""


def rewritten(tree: Json, reading: Mapping[str, str]) -> Json:
    """Return a tree with its references as they stand here; the same tree where none changes."""
    if not reading:
        return tree
    if isinstance(tree, dict):
        return {name: _rewritten(name, value, reading) for name, value in tree.items()}
    return [rewritten(one, reading) for one in tree] if isinstance(tree, list) else tree


def _rewritten(name: str, value: Json, reading: Mapping[str, str]) -> Json:
    if isinstance(value, (dict, list)):
        return rewritten(value, reading)
    return reading.get(value, value) if name == "reference" and isinstance(value, str) else value
