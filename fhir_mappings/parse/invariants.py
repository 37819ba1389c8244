"""Invariants of R4 that compare values: by key on their resource's page, https://hl7.org/fhir/R4/.

con-3 is a warning in R4 and is not judged. What only asks which elements are there stands in the
schema.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import Final, TypeAlias

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.instants import interval
from fhir_mappings.parse.places import Fault
from fhir_mappings.problems import Code

_Rule: TypeAlias = Callable[[Tree], Iterator[Fault]]

_CONDITION_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_CONDITION_CERTAINTY: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ALLERGY_CERTAINTY: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_WITH_REQUEST: Final = frozenset({"batch", "transaction", "history"})
_WITH_RESPONSE: Final = frozenset({"batch-response", "transaction-response", "history"})


def faults(tree: Tree) -> Iterator[Fault]:
    """Yield the invariants that one resource breaks, paths from that resource."""
    rtype = tree.get("resourceType")
    rule = _RULES.get(rtype) if isinstance(rtype, str) else None
    return rule(tree) if rule else iter(())


def ends_before_it_starts(tree: Tree) -> bool:
    """Say whether a Period ends before it starts, whatever its partial dates mean (per-1)."""
    return _is_after(tree.get("start"), tree.get("end"))


def _is_after(one: Json, other: Json) -> bool:
    """Say whether one date is surely after another.

    A day has no zone: between a day and a time, up to a day is in doubt.
    """
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    left, right = interval(one), interval(other)
    if left is None or right is None:
        return False
    doubt = timedelta(0) if ("T" in one) == ("T" in other) else timedelta(days=1)
    return left[0] - right[1] >= doubt


def _broken(key: str, *path: str | int) -> Fault:
    return Fault(tuple(path), Code.INVARIANT, key)


def _appointment(tree: Tree) -> Iterator[Fault]:
    status = text(tree, "status")
    if status not in {"proposed", "cancelled", "waitlist"} and not (
        "start" in tree and "end" in tree
    ):
        yield _broken("app-3")
    if "cancelationReason" in tree and status not in {"no-show", "cancelled"}:
        yield _broken("app-4", "cancelationReason")


def _condition(tree: Tree) -> Iterator[Fault]:
    ended = any(name.removeprefix("_").startswith("abatement") for name in tree)
    clinical = tree.get("clinicalStatus")
    over = {"resolved", "remission", "inactive"}
    if ended and not _has_code(clinical, _CONDITION_CLINICAL, over):
        yield _broken("con-4")
    if "clinicalStatus" in tree and _is_retracted(tree, _CONDITION_CERTAINTY):
        yield _broken("con-5")


def _allergy(tree: Tree) -> Iterator[Fault]:
    retracted = _is_retracted(tree, _ALLERGY_CERTAINTY)
    if not retracted and "clinicalStatus" not in tree:
        yield _broken("ait-1")
    if retracted and "clinicalStatus" in tree:
        yield _broken("ait-2")


def _is_retracted(tree: Tree, system: str) -> bool:
    return _has_code(tree.get("verificationStatus"), system, {"entered-in-error"})


def _has_code(concept: Json, system: str, codes: set[str]) -> bool:
    return any(
        text(each, "system") == system and text(each, "code") in codes
        for each in items(members(concept).get("coding"))
    )


def _task(tree: Tree) -> Iterator[Fault]:
    if _is_after(tree.get("authoredOn"), tree.get("lastModified")):
        yield _broken("inv-1", "lastModified")


def _list(tree: Tree) -> Iterator[Fault]:
    mode = text(tree, "mode")
    for index, entry in enumerate(items(tree.get("entry"))):
        if mode != "changes" and "deleted" in members(entry):
            yield _broken("lst-2", "entry", index)
        if mode != "working" and "date" in members(entry):
            yield _broken("lst-3", "entry", index)


def _observation(tree: Tree) -> Iterator[Fault]:
    if not any(name.removeprefix("_").startswith("value") for name in tree):
        return
    own = _codings(tree)
    for index, component in enumerate(items(tree.get("component"))):
        if any(coding in own for coding in _codings(component)):
            yield _broken("obs-7", "component", index)


def _codings(tree: Json) -> list[Json]:
    return items(members(members(tree).get("code")).get("coding"))


def _bundle(tree: Tree) -> Iterator[Fault]:
    kind = text(tree, "type")
    if "total" in tree and kind not in {"searchset", "history"}:
        yield _broken("bdl-1", "total")
    if kind == "document":
        yield from _document(tree)
    if kind == "message" and _first_type(tree) != "MessageHeader":
        yield _broken("bdl-12")
    seen: set[tuple[str, str]] = set()
    for index, each in enumerate(items(tree.get("entry"))):
        entry = members(each)
        for fault in _entry(entry, kind):
            yield fault._replace(path=("entry", index, *fault.path))
        identity = (text(entry, "fullUrl"), text(entry, "resource", "meta", "versionId"))
        if identity in seen and identity[0] and kind != "history":
            yield _broken("bdl-7", "entry", index, "fullUrl")
        seen.add(identity)


def _entry(entry: Tree, kind: str) -> Iterator[Fault]:
    if "search" in entry and kind != "searchset":
        yield _broken("bdl-2", "search")
    if ("request" in entry) != (kind in _WITH_REQUEST):
        yield _broken("bdl-3")
    if ("response" in entry) != (kind in _WITH_RESPONSE):
        yield _broken("bdl-4")
    if "/_history/" in text(entry, "fullUrl"):
        yield _broken("bdl-8", "fullUrl")


def _document(tree: Tree) -> Iterator[Fault]:
    if not (text(tree, "identifier", "system") and text(tree, "identifier", "value")):
        yield _broken("bdl-9")
    if not text(tree, "timestamp"):
        yield _broken("bdl-10")
    if _first_type(tree) != "Composition":
        yield _broken("bdl-11")


def _first_type(tree: Tree) -> str:
    first = next(iter(items(tree.get("entry"))), None)
    return text(first, "resource", "resourceType")


_RULES: Final = MappingProxyType[str, _Rule](
    {
        "AllergyIntolerance": _allergy,
        "Appointment": _appointment,
        "Bundle": _bundle,
        "Condition": _condition,
        "List": _list,
        "Observation": _observation,
        "Task": _task,
    }
)
