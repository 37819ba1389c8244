"""What makes a referral of a message: its order, key, patient and content (PROTOCOL §4, §4.1)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from fhir_mappings.model.json import Identity, Tree, items, members, text
from fhir_mappings.model.placer import Systems
from fhir_mappings.model.referral import OrderKey
from fhir_mappings.parse.bundle import Entry, Method, address
from fhir_mappings.parse.instants import interval
from fhir_mappings.parse.references import about, identity_of
from fhir_mappings.parse.sameness import content, fingerprint
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.terms import systems

_TAKEN: Final = frozenset({"active", "on-hold", "unknown", ""})
_ORDERS: Final = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order", "directive"}
)
_DRAFTS: Final = frozenset({"draft", "proposal", "plan", "option"})
_PERSONS: Final = frozenset({"Patient", "Practitioner", "Organization"})

Reading = Mapping[int, Mapping[str, str]]
"""By entry: a reference as written to the reference it becomes (`references.rewrites`)."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A message that asks for one service: its order, and the placer's own Task for it."""

    order: Entry
    task: Entry | None


def orders(entries: Sequence[Entry], *, drafts: bool = False) -> tuple[Asked, ...]:
    """Find the orders of a message, each with the coordination Task that comes with it.

    More than one order of the same subject is one referral each. `drafts` lets drafts and
    proposals pass: a precheck is asked about those too.

    Raises:
        Refused: what they are not taken for, all at once: `order-status`, `order-intent`,
            `order-not-to-perform`, `modifier-extension`, `implicit-rules`, `two-subjects`,
            `two-tasks`.
    """
    found = [one for one in entries if _is_order(one)]
    tasks = {one.place: [task for task in entries if _coordinates(task, one)] for one in found}
    problems = [fault for one in found for fault in _order_faults(one, drafts=drafts)]
    problems += [
        Problem(Code.TWO_SUBJECTS, f"{one.at}.subject")
        for one in found[1:]
        if about(one.tree) != about(found[0].tree)
    ]
    problems += [Problem(Code.TWO_TASKS, one.at) for some in tasks.values() for one in some[1:]]
    problems += [
        fault
        for some in tasks.values()
        for one in some
        for fault in modifier_faults(one.tree, one.at)
    ]
    refuse_any(problems)
    return tuple(Asked(order=one, task=next(iter(tasks[one.place]), None)) for one in found)


def part(entries: Iterable[Entry], asked: Asked) -> tuple[Entry, ...]:
    """Return what of a message belongs to one order: all but the other orders and their Tasks."""
    own = {asked.order.place, asked.task.place if asked.task else asked.order.place}
    return tuple(
        one
        for one in entries
        if one.place in own or not (_is_order(one) or "fulfill" in _task_codes(one))
    )


def modifier_faults(tree: Tree, at: str) -> Iterator[Problem]:
    """Find what must not be ignored and is not known (DECISIONS 21)."""
    if tree.get("modifierExtension"):
        yield Problem(Code.MODIFIER_EXTENSION, f"{at}.modifierExtension")
    if tree.get("implicitRules"):
        yield Problem(Code.IMPLICIT_RULES, f"{at}.implicitRules")


def key_of(order: Entry, registered: Systems, *, base: str, said: bytes) -> OrderKey:
    """Return what makes the order one order for this placer.

    The first identifier of a registered system, else any with system and value, else its address
    at the placer, else its fingerprint (`said`). Source: PROTOCOL §4, first row.
    """
    named = [
        (text(one, "system"), text(one, "value"))
        for one in items(order.tree.get("identifier"))
        if text(one, "system") and text(one, "value")
    ]
    for system, value in [*(one for one in named if one[0] in registered.order), *named]:
        return OrderKey(system=system, value=value)
    if where := source_of(order, base):
        return OrderKey(system="", value=where)
    return OrderKey(system="urn:fingerprint", value=said.hex())


def source_of(entry: Entry, base: str) -> str:
    """Return where a resource stands at the placer, as far as its entry tells; else empty.

    A fullUrl under the placer's registered base, or the id under which it is PUT: with a base
    that is an absolute address, without one the relative reference.
    """
    found = address(entry)
    if found and base and found[0] == base:
        return entry.full_url
    if entry.method is Method.PUT and entry.rid:
        relative = f"{entry.rtype}/{entry.rid}"
        return f"{base}/{relative}" if base else relative
    return ""


def stamp_of(order: Tree) -> datetime | None:
    """Return the moment that orders versions of an order: meta.lastUpdated, else authoredOn."""
    said = interval(text(order, "meta", "lastUpdated") or text(order, "authoredOn"))
    return said[0] if said else None


def identifiers_of(entry: Entry) -> tuple[tuple[str, str], ...]:
    """Return system and value of the identifiers in use of an entry."""
    return identifiers_in(entry.tree)


def identifiers_in(tree: Tree) -> tuple[tuple[str, str], ...]:
    """Return system and value of the identifiers in use of a resource."""
    return tuple(
        (text(one, "system"), text(one, "value"))
        for one in items(tree.get("identifier"))
        if text(one, "system") and text(one, "value") and text(one, "use") != "old"
    )


def person_keys(entry: Entry, registered: Systems) -> tuple[tuple[str, str], ...]:
    """Return the identifiers by which a person or body is the one that the placer sent before.

    Only of registered systems, and only where the entry leaves it to us (PROTOCOL §4.1).
    """
    if entry.rtype not in _PERSONS or entry.condition or entry.method is not Method.POST:
        return ()
    own = {
        "Patient": registered.patient,
        "Practitioner": registered.practitioner,
        "Organization": registered.organization,
    }[entry.rtype]
    return tuple(one for one in identifiers_of(entry) if one[0] in own)


def subject_faults(
    entries: Iterable[Entry], reading: Reading, patient: Identity, *, ours: Iterable[str] = ()
) -> Iterator[Problem]:
    """Find resources of another patient than the order's, each by name (DECISIONS 22).

    `ours` are further ids under which the same patient stands.
    """
    same = {str(patient), *(f"Patient/{rid}" for rid in ours)}
    for entry in entries:
        written = about(entry.tree)
        target = reading.get(entry.place, {}).get(written, written)
        identity = identity_of(target)
        if identity and identity.rtype == "Patient" and str(identity) not in same:
            yield Problem(Code.OTHER_PATIENTS_DATA, f"{entry.at}.{_member(entry.tree)}")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What each entry says: fingerprints by place, and the digest of the whole."""

    each: Mapping[int, bytes]
    content: bytes


def said(
    entries: Sequence[Entry],
    reading: Reading,
    identities: Mapping[int, Identity],
    stable: Callable[[Entry], bool],
) -> Said:
    """Fingerprint a message so that re-making it changes nothing.

    A reference to an entry that is `stable` (its identity here does not depend on the message:
    PUT, a condition, a known person) counts as that identity. One to another entry counts as what
    that entry says by itself, its own references as types only: so cycles and the order of
    entries play no part (docs/decisions/0003). An entry that only has to exist (If-None-Exist)
    counts by its condition.
    """
    by_identity = {str(identities[one.place]): one for one in entries if one.place in identities}

    def target(entry: Entry, reference: str) -> Entry | str:
        here = reading.get(entry.place, {}).get(reference, reference)
        found = by_identity.get(here)
        return found if found and not stable(found) else here

    def by_type(entry: Entry, reference: str) -> str:
        found = target(entry, reference)
        return found if isinstance(found, str) else found.rtype

    alone: dict[int, str] = {}

    def by_content(entry: Entry, reference: str) -> str:
        found = target(entry, reference)
        if isinstance(found, str):
            return found
        if found.place not in alone:
            alone[found.place] = fingerprint(found.tree, partial(by_type, found)).hex()
        return alone[found.place]

    each = {one.place: fingerprint(one.tree, partial(by_content, one)) for one in entries}
    counted = (one.condition.encode() if one.condition else each[one.place] for one in entries)
    return Said(each=each, content=content(counted))


def _is_order(entry: Entry) -> bool:
    return entry.rtype == "ServiceRequest" and entry.method in (Method.POST, Method.PUT)


def _task_codes(entry: Entry) -> set[str]:
    if entry.rtype != "Task" or entry.method not in (Method.POST, Method.PUT):
        return set()
    return {
        text(one, "code")
        for one in items(members(entry.tree.get("code")).get("coding"))
        if text(one, "system") == systems.TASK_CODE
    }


def _coordinates(entry: Entry, order: Entry) -> bool:
    focus = text(entry.tree, "focus", "reference")
    relative = f"{order.rtype}/{order.rid}" if order.rid else ""
    return "fulfill" in _task_codes(entry) and focus in {order.full_url, relative} - {""}


def _order_faults(order: Entry, *, drafts: bool) -> Iterator[Problem]:
    tree = order.tree
    also = _DRAFTS if drafts else frozenset[str]()
    if text(tree, "status") not in _TAKEN | also:
        yield Problem(Code.ORDER_STATUS, f"{order.at}.status")
    if text(tree, "intent") not in _ORDERS | also:
        yield Problem(Code.ORDER_INTENT, f"{order.at}.intent")
    if tree.get("doNotPerform") is True:
        yield Problem(Code.ORDER_NOT_TO_PERFORM, f"{order.at}.doNotPerform")
    yield from modifier_faults(tree, order.at)


def _member(tree: Tree) -> str:
    return next((one for one in ("subject", "patient", "for") if one in tree), "subject")


def patient_of(order: Entry, reading: Reading) -> Identity:
    """Return the Patient that an order is about, as the space knows it.

    Raises:
        Refused: `subject-type` where it is no Patient, `subject-not-found` where the reference
            leads to nothing that could be one.
    """
    written = about(order.tree)
    at = f"{order.at}.subject"
    target = identity_of(reading.get(order.place, {}).get(written, written))
    if target is None:
        raise Refused(Problem(Code.SUBJECT_NOT_FOUND, at))
    if target.rtype != "Patient":
        raise Refused(Problem(Code.SUBJECT_TYPE, at))
    return target
