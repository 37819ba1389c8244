"""The body of a CDS Hooks call → what is to be judged, and what may be read for it.

Source: CDS Hooks 2.0; the pages of order-select 1.0, order-sign 1.1, appointment-book 1.0 and
patient-view 1.0. A context that lacks what its hook requires is refused; what the EHR could not
give is never an error, and never the same as "there is none".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from fhir_mappings.model.hooks import PREFETCH, Hook, HookCall, Visit
from fhir_mappings.model.json import Held, Identity, Json, Tree, items, members, text
from fhir_mappings.parse.cds_data import (
    ID,
    PLACE,
    Found,
    Known,
    entries,
    is_of_another,
    prefetched,
    resources,
    short,
)
from fhir_mappings.parse.instants import interval
from fhir_mappings.problems import Code, Problem, refuse_any

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]{1,8192}=*")
_ORDERS: Final = "context.draftOrders"
_VISITS: Final = "context.appointments"
_REQUIRED: Final[Mapping[Hook, tuple[str, ...]]] = {
    Hook.ORDER_SELECT: ("userId", "patientId", "selections", "draftOrders"),
    Hook.ORDER_SIGN: ("userId", "patientId", "draftOrders"),
    Hook.APPOINTMENT_BOOK: ("userId", "patientId", "appointments"),
    Hook.PATIENT_VIEW: ("userId", "patientId"),
}


def call(tree: Tree, hook: Hook) -> HookCall:
    """Read the call of one service.

    Raises:
        Refused: every fault at once: `required` and `value-type` for what the hook must bring,
            `value-format` for another hook, an id or a token without its form,
            `reference-not-found` for a selection that no draft has.
    """
    refuse_any(_faults(tree, hook))
    context = members(tree["context"])
    patient = text(context, "patientId")
    drafts = resources(entries(context.get("draftOrders")), f"{_ORDERS}.entry")
    orders, faults = _orders(drafts, context, hook)
    refuse_any(faults)
    fetched = [prefetched(tree, key) for key in PREFETCH]
    known = Known(patient, [*drafts, *(one for _, found in fetched for one in found)])
    return HookCall(
        hook=hook,
        patient=patient,
        held=known.held(),
        orders=tuple(one.identity for one in orders),
        strangers=frozenset(one.identity for one in orders if is_of_another(one.tree, patient)),
        visits=tuple(_visits(context.get("appointments"), known)),
        given={key: given for key, (given, _) in zip(PREFETCH, fetched, strict=True)},
        server=text(tree, "fhirServer").rstrip("/"),
        token=text(tree, "fhirAuthorization", "access_token"),
    )


# ---------------------------------------------------------------- what every call must bring


def _faults(tree: Tree, hook: Hook) -> Iterator[Problem]:
    if not text(tree, "hookInstance"):
        yield Problem(Code.REQUIRED, "hookInstance")
    if text(tree, "hook") != hook:
        code = Code.VALUE_FORMAT if text(tree, "hook") else Code.REQUIRED
        yield Problem(code, "hook", hook.value)
    if not isinstance(tree.get("prefetch", {}), dict):
        yield Problem(Code.VALUE_TYPE, "prefetch")
    yield from _authorization_faults(tree)
    if not isinstance(tree.get("context"), dict):
        yield Problem(Code.REQUIRED, "context")
        return
    context = members(tree["context"])
    for name in _REQUIRED[hook]:
        yield from _context_faults(context, name)


def _context_faults(context: Tree, name: str) -> Iterator[Problem]:
    at, value = f"context.{name}", context.get(name)
    if value is None or value == "":
        yield Problem(Code.REQUIRED, at)
    elif not _has_type(name, value):
        yield Problem(Code.VALUE_TYPE, at)
    elif name == "patientId" and not ID.fullmatch(text(context, name)):
        yield Problem(Code.VALUE_FORMAT, at)


def _has_type(name: str, value: Json) -> bool:
    match name:
        case "selections":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case "draftOrders":
            return text(value, "resourceType") == "Bundle"
        case "appointments":  # an array in the hook's own example
            return isinstance(value, list) or text(value, "resourceType") == "Bundle"
        case _:
            return isinstance(value, str)


def _authorization_faults(tree: Tree) -> Iterator[Problem]:
    lent = tree.get("fhirAuthorization")
    if lent is None:
        return
    if not text(tree, "fhirServer"):
        yield Problem(Code.REQUIRED, "fhirServer")
    if text(lent, "token_type").lower() != "bearer":
        yield Problem(Code.VALUE_FORMAT, "fhirAuthorization.token_type", "Bearer")
    if not _TOKEN.fullmatch(text(lent, "access_token")):
        yield Problem(Code.VALUE_FORMAT, "fhirAuthorization.access_token")


# ---------------------------------------------------------------- orders and appointments


def _orders(
    drafts: Sequence[Found], context: Tree, hook: Hook
) -> tuple[list[Found], list[Problem]]:
    """Return the drafts to be judged: the selected ones, or all where nothing is selected."""
    requests = [one for one in drafts if one.identity.rtype == "ServiceRequest"]
    if hook is not Hook.ORDER_SELECT:
        return requests, []
    names = {str(one.identity) for one in drafts} | {one.identity.rid for one in drafts}
    chosen = [short(text(one)) for one in items(context.get("selections"))]
    faults = [
        Problem(Code.REFERENCE_NOT_FOUND, f"context.selections[{place}]")
        for place, one in enumerate(chosen)
        if one not in names
    ]
    return [one for one in requests if {str(one.identity), one.identity.rid} & set(chosen)], faults


def _visits(appointments: Json, known: Known) -> Iterator[Visit]:
    listed: list[Json] = (
        [{"resource": one} for one in appointments]
        if isinstance(appointments, list)
        else entries(appointments)
    )
    for one in resources(listed, f"{_VISITS}.entry"):
        if one.identity.rtype == "Appointment":
            yield Visit(
                order=Held(
                    identity=Identity(rtype="ServiceRequest", rid=one.identity.rid),
                    version=1,
                    tree=_booked(one.tree, known.patient),
                ),
                based_on=tuple(_based_on(one.tree)),
                start=_start(one.tree),
            )


def _booked(appointment: Tree, patient: str) -> Tree:
    """Say what an appointment books as an order would: its service, in codes and words."""
    services = [members(one) for one in items(appointment.get("serviceType"))]
    codings = [one for service in services for one in items(service.get("coding"))]
    words = [text(one, "text") for one in services] + [text(appointment, "description")]
    code: Tree = {}
    if codings:
        code["coding"] = codings
    if said := ", ".join(one for one in words if one):
        code["text"] = said
    tree: Tree = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": f"Patient/{patient}"},
    }
    return {**tree, "code": code} if code else tree


def _based_on(appointment: Tree) -> Iterator[str]:
    for one in items(appointment.get("basedOn")):
        match = PLACE.fullmatch(text(one, "reference"))
        if match and match["rtype"] == "ServiceRequest":
            yield match["rid"]


def _start(appointment: Tree) -> datetime | None:
    said = interval(text(appointment, "start"))
    return said[0] if said else None
