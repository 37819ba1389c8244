"""A write, or a whole transaction, → exactly one flow.

Each entry means one thing; a transaction whose entries mean two is refused, a batch is run entry
by entry. An interaction that no flow carries out is not in `served` either: it is refused by name,
never half done.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.json import text
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.parse.clinic import TYPES as CLINIC_TYPES
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.render.outcome import notice, outcome
from service.deps import Deps
from service.flows.open_windows import OpenWindows, open_windows
from service.flows.record_visit import RecordVisit, record_visit
from service.flows.store_resources import StoreResources, store_resources
from service.http.exchange import Answer, Ask
from service.http.fhir import appointments, referrals
from service.http.fhir.kept import Kept, alone, of_stored
from service.http.fhir.referrals import ENDED, asks_to_abort
from service.http.fhir.served import SERVED, Interaction


class Meaning(StrEnum):
    """What a write is about; each has one flow, but for those that stand alone."""

    PLAIN = "plain"
    REFERRAL = "referral"
    VISIT = "visit"
    CLINIC = "clinic"
    ORDER_ENDED = "order-ended"
    TASK_BROUGHT = "task-brought"
    TASK_CHANGED = "task-changed"
    ABORT = "abort"
    RESPONSE = "response"
    APPOINTMENT_CHANGED = "appointment-changed"


INTERACTION: Final[Mapping[Method, Interaction]] = {
    Method.POST: Interaction.CREATE,
    Method.PUT: Interaction.UPDATE,
    Method.DELETE: Interaction.DELETE,
}
"""What an entry asks; a PATCH stands alone, at its own address."""
VISITS: Final = frozenset({"Procedure", "MedicationAdministration"})

One: TypeAlias = Callable[[Deps, Ask, Entry], Awaitable[list[Kept]]]


async def write(deps: Deps, ask: Ask, entry: Entry) -> Answer:
    """Carry out one write that came by itself.

    Raises:
        Refused: what the flow refuses; expressions are those of the resource, not of a Bundle.
    """
    try:
        (kept,) = await transaction(deps, ask, (entry,))
    except Refused as refused:
        raise Refused(*(_alone(one, entry) for one in refused.problems)) from refused
    return await alone(deps, ask, kept)


async def transaction(deps: Deps, ask: Ask, entries: Sequence[Entry]) -> list[Kept]:
    """Carry out entries that stand or fall together.

    Raises:
        Refused: `not-supported` for each entry that is not offered; `two-flows`; what the flow
            refuses.
    """
    if not entries:
        return []
    match _meaning(ask.caller, entries):
        case Meaning.PLAIN:
            return await _plain(deps, ask, entries)
        case Meaning.REFERRAL:
            return await referrals.receive(deps, ask, entries)
        case Meaning.VISIT:
            return await _visit(deps, ask, entries)
        case Meaning.CLINIC:
            return await _clinic(deps, ask, entries)
        case alone_:
            return await _ALONE[alone_](deps, ask, entries[0])


_ALONE: Final[Mapping[Meaning, One]] = {
    Meaning.ORDER_ENDED: referrals.end_order,
    Meaning.TASK_CHANGED: referrals.put_task,
    Meaning.ABORT: referrals.abort,
    Meaning.RESPONSE: appointments.respond,
    Meaning.APPOINTMENT_CHANGED: appointments.put,
}


PATCHES: Final[Mapping[str, Callable[[Deps, Ask, str], Awaitable[Kept]]]] = {
    "Task": referrals.patch_task,
    "Appointment": appointments.patch,
}
"""What a JSON Patch of a type does; each is an interaction of `served`."""


async def _plain(deps: Deps, ask: Ask, entries: Sequence[Entry]) -> list[Kept]:
    done = await store_resources(deps, ask.caller, StoreResources(entries=tuple(entries)))
    return [
        Kept(status=one.status)
        if one.stored is None or one.stored.deleted
        else of_stored(one.status, one.stored)
        for one in done
    ]


async def _visit(deps: Deps, ask: Ask, entries: Sequence[Entry]) -> list[Kept]:
    done = await record_visit(deps, ask.caller, RecordVisit(entries=tuple(entries)))
    return [
        Kept(
            status=201 if one.created else 200,
            identity=one.identity,
            version=one.version,
            at=one.at,
        )
        for one in done
    ]


async def _clinic(deps: Deps, ask: Ask, entries: Sequence[Entry]) -> list[Kept]:
    """Change the clinic's own; bookings that no longer fit are told with the first entry."""
    opened = await open_windows(deps, ask.caller, OpenWindows(entries=tuple(entries)))
    listed = [
        notice(
            "window", f"Slot/{one.id} no longer fits and has an Appointment.", severity="warning"
        )
        for one in opened.listed
    ]
    kept = [of_stored(one.status, one.stored) for one in opened.done if one.stored]
    if listed and kept:
        kept[0] = msgspec.structs.replace(kept[0], outcome=outcome(listed))
    return kept


def _meaning(caller: Caller, entries: Sequence[Entry]) -> Meaning:
    """Say what entries mean together.

    Raises:
        Refused: `not-supported`, `role` where it is another side's to do, `two-flows`.
    """
    refuse_any(_not_offered(one) for one in entries if not _offered(caller, one))
    meant = {_of(caller, one) for one in entries}
    if Meaning.REFERRAL in meant:
        # what comes along with an order is part of it, its own coordination Task too
        meant -= {Meaning.PLAIN, Meaning.TASK_BROUGHT, Meaning.TASK_CHANGED}
    if len(meant) > 1 or (len(entries) > 1 and meant & _ALONE.keys()):
        raise Refused(Problem(Code.TWO_FLOWS, "Bundle.entry"))
    refuse_any(_out_of_place(entries, meaning := meant.pop()))
    return meaning


def _out_of_place(entries: Sequence[Entry], meaning: Meaning) -> Iterator[Problem]:
    """Find what is offered with an order and not without one, or not under a condition."""
    for one in entries:
        unread = one.rtype not in SERVED and meaning is not Meaning.REFERRAL
        unmet = bool(one.condition) and meaning in _ALONE
        single = one.rtype == "Slot"  # a window is changed by itself, at its own address
        if unread or unmet or single or meaning is Meaning.TASK_BROUGHT:
            yield Problem(Code.NOT_SUPPORTED, one.at, one.rtype)


def _offered(caller: Caller, entry: Entry) -> bool:
    row = SERVED.get(entry.rtype)
    if row is None:
        # other types of R4 are kept with the referral that they came with
        return caller.placer is not None and entry.method in {Method.POST, Method.PUT}
    offered = row.staff if caller.is_staff else row.placer
    return INTERACTION.get(entry.method) in offered


def _not_offered(entry: Entry) -> Problem:
    row, asked = SERVED.get(entry.rtype), INTERACTION.get(entry.method)
    code = Code.ROLE if row and asked in row.interactions else Code.NOT_SUPPORTED
    return Problem(code, entry.at, entry.rtype)


def _of(caller: Caller, entry: Entry) -> Meaning:
    if entry.rtype in VISITS and caller.is_staff:
        return Meaning.VISIT
    if entry.rtype in CLINIC_TYPES and caller.is_staff:
        return Meaning.CLINIC
    own = _OWN.get(entry.rtype)
    return own(entry) if own else Meaning.PLAIN


def _of_order(entry: Entry) -> Meaning:
    ended = entry.method is Method.PUT and text(entry.tree, "status") in ENDED
    return Meaning.ORDER_ENDED if ended and entry.rid else Meaning.REFERRAL


def _of_task(entry: Entry) -> Meaning:
    if entry.method is not Method.POST:
        return Meaning.TASK_CHANGED
    return Meaning.ABORT if asks_to_abort(entry) else Meaning.TASK_BROUGHT


_OWN: Final[Mapping[str, Callable[[Entry], Meaning]]] = {
    "ServiceRequest": _of_order,
    "Task": _of_task,
    "Appointment": lambda _: Meaning.APPOINTMENT_CHANGED,
    "AppointmentResponse": lambda _: Meaning.RESPONSE,
}


def _alone(problem: Problem, entry: Entry) -> Problem:
    """Let an expression begin with the type, as it does for a resource that came by itself."""
    if not problem.expression.startswith("Bundle.entry[0]"):
        return problem
    rest = problem.expression.removeprefix(entry.at)
    expression = f"{entry.rtype}{rest}" if problem.expression.startswith(entry.at) else ""
    return Problem(problem.code, expression, problem.context)
