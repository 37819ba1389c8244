"""What people and systems do in the loop, one exchange or a few each (PROTOCOL §2.3, §4, §6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fhir_mappings.model.json import Json, Tree, members, text
from fhir_mappings.terms import systems
from service.clients.server import Answer
from service.loop.cast import Cast, NotAsTold, expect, hold, wait_for
from service.loop.look import code_of, each, resources, said

NEEDS_DECISION: Final = frozenset({"high", "moderate"})
"""Severities of a DetectedIssue that stop a referral until somebody decides."""


@dataclass(frozen=True, kw_only=True)
class Referred:
    """A referral as its placer knows it: ids at the clinic, and what came back."""

    bundle: Tree
    order: str
    patient: str
    task: str
    locations: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a referral stands, as its coordination Task says."""

    status: str
    business: str
    words: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A recorded visit: its identifier, and what was recorded here."""

    identifier: str
    procedure: str


def hold_at_placer(cast: Cast, bundle: Tree) -> None:
    """Post the Bundle's resources to the placer's own server, one by one, each only once.

    A placer holds patient and order before it refers: the write-back finds them there. Singly,
    because a server may refuse large transactions with conditional creates.
    """
    known: dict[str, str] = {}
    for entry in each(bundle, "entry"):
        resource = members(_rewritten(entry.get("resource"), known))
        condition = said(entry, "request", "ifNoneExist") or _by_identifier(resource)
        headers = {"If-None-Exist": condition} if condition else {}
        rtype = text(resource, "resourceType")
        made = expect(f"the EHR keeps {rtype}", cast.ehr.post(rtype, resource, headers), 200, 201)
        known[said(entry, "fullUrl")] = f"{rtype}/{_id_of(made, rtype)}"


def refer(cast: Cast, bundle: Tree) -> Referred:
    """Send the referral and find its Task."""
    answer = expect("the referral is taken", cast.placer.post("", bundle), 200)
    sent, got = each(bundle, "entry"), each(answer.tree, "entry")
    hold("every entry is answered", seen=len(got), wanted=len(sent))
    at = {said(one, "resource", "resourceType"): index for index, one in enumerate(sent)}
    locations = tuple(_plain(said(one, "response", "location")) for one in got)
    order = got[at["ServiceRequest"]]
    order_id = locations[at["ServiceRequest"]].split("/")[1]
    return Referred(
        bundle=bundle,
        order=order_id,
        patient=locations[at["Patient"]].split("/")[1],
        task=text(task_of(cast, order_id), "id"),
        locations=locations,
        notices=tuple(
            code_of(issue.get("details"), systems.NOTICE)
            for issue in each(order, "response", "outcome", "issue")
        ),
    )


def task_of(cast: Cast, order: str) -> Tree:
    """Read the coordination Task of an order as its placer finds it."""
    found = expect("the Task is found", cast.placer.get(f"Task?focus=ServiceRequest/{order}"), 200)
    tasks = [one for one in resources(found.tree) if text(one, "resourceType") == "Task"]
    hold("one coordination Task", seen=len(tasks), wanted=1)
    return tasks[0]


def progress(cast: Cast, referred: Referred) -> Progress:
    """Say where the clinic's Task stands."""
    return _progress(task_of(cast, referred.order))


def progress_at_placer(cast: Cast, referred: Referred) -> Progress | None:
    """Say where the Task stands at the placer's own server; None while it is not there."""
    query = f"Task?identifier={quote(f'{systems.SID_REFERRAL}|{referred.task}')}"
    found = resources(expect("the EHR finds Tasks", cast.ehr.get(query), 200).tree)
    if len(found) > 1:
        raise NotAsTold(f"the EHR has one Task of this referral: it has {len(found)}.")
    return _progress(found[0]) if found else None


def wait_at_placer(cast: Cast, referred: Referred, business: str) -> Progress:
    """Wait until the placer's own Task has come to a business status."""

    def look() -> Progress | None:
        there = progress_at_placer(cast, referred)
        return there if there and there.business == business else None

    return wait_for(f"the Task at the EHR says {business}", cast, look)


def wait_here(cast: Cast, referred: Referred, business: str, claim: str) -> Progress:
    """Wait until the clinic's Task has come to a business status; `claim` says what for."""

    def look() -> Progress | None:
        here = progress(cast, referred)
        return here if here.business == business else None

    return wait_for(f"{claim} (the clinic's Task says {business})", cast, look)


def open_findings(cast: Cast, referred: Referred) -> list[Tree]:
    """Return the findings that wait for a decision, as a reviewer reads them."""
    query = f"DetectedIssue?implicated=ServiceRequest/{referred.order}"
    found = resources(expect("findings are read", cast.reviewer.get(query), 200).tree)
    return [
        one
        for one in found
        if text(one, "status") == "final"
        and text(one, "severity") in NEEDS_DECISION
        and not each(one, "mitigation")
    ]


def review(cast: Cast, referred: Referred, decision: Tree, findings: list[Tree]) -> Answer:
    """Record a reviewer's decision on these findings; on none, it is about the referral."""
    named: list[Json] = [
        {
            "name": "finding",
            "valueReference": {"reference": f"DetectedIssue/{text(one, 'id')}"},
        }
        for one in findings
    ]
    rest: list[Json] = list(each(decision, "parameter"))
    parameters: Tree = {"resourceType": "Parameters", "parameter": named + rest}
    return cast.reviewer.post(f"Task/{referred.task}/$tpi-review", parameters)


def propose(cast: Cast, referred: Referred) -> list[Tree]:
    """Let the clinic's policy propose, and return the Appointments."""
    parameters: Tree = {
        "resourceType": "Parameters",
        "parameter": [{"name": "policy", "valueCode": "earliest"}],
    }
    operation = f"Task/{referred.task}/$tpi-propose"
    answer = expect("windows are proposed", cast.scheduler.post(operation, parameters), 200)
    offered = [one for one in resources(answer.tree) if text(one, "resourceType") == "Appointment"]
    if not offered:
        raise NotAsTold("windows are proposed: none came.")
    return offered


def accept(cast: Cast, referred: Referred, appointment: Tree) -> Answer:
    """Accept a proposed Appointment in the patient's name."""
    response: Tree = {
        "resourceType": "AppointmentResponse",
        "appointment": {"reference": f"Appointment/{text(appointment, 'id')}"},
        "actor": {"reference": f"Patient/{referred.patient}"},
        "participantStatus": "accepted",
    }
    return expect(
        "the proposal is accepted", cast.placer.post("AppointmentResponse", response), 201
    )


def status_of(cast: Cast, appointment: Tree) -> str:
    """Read an Appointment's status as its placer sees it."""
    path = f"Appointment/{text(appointment, 'id')}"
    return text(expect("the Appointment is read", cast.placer.get(path), 200).tree, "status")


def arrive(cast: Cast, appointment: Tree) -> Answer:
    """Record that the patient is here."""
    operation = f"Appointment/{text(appointment, 'id')}/$tpi-arrive"
    return cast.scheduler.post(operation, {"resourceType": "Parameters"})


def perform(cast: Cast, visit: Tree) -> Answer:
    """Record the visit: a Procedure and a MedicationAdministration, in one transaction."""
    return cast.clinician.post("", visit)


def at_placer(cast: Cast, rtype: str, system: str, value: str) -> list[Tree]:
    """Return what the placer's own server holds under one identifier."""
    query = f"{rtype}?identifier={quote(f'{system}|{value}')}"
    return resources(expect(f"the EHR finds {rtype}", cast.ehr.get(query), 200).tree)


def remade(bundle: Tree) -> Tree:
    """Make the same referral as another sender would: new urns, other order of everything."""
    entries = each(bundle, "entry")
    urns = {
        said(one, "fullUrl"): f"urn:uuid:00000000-0000-4000-8000-{index:012d}"
        for index, one in enumerate(entries)
    }
    turned: list[Json] = [_turned(_rewritten(one, urns)) for one in reversed(entries)]
    return {"type": "transaction", "entry": turned, "resourceType": "Bundle"}


def _progress(task: Tree) -> Progress:
    return Progress(
        status=text(task, "status"),
        business=code_of(task.get("businessStatus"), systems.BUSINESS_STATUS),
        words=said(task, "businessStatus", "text"),
        reason=said(task, "statusReason", "text"),
    )


def _by_identifier(resource: Tree) -> str:
    system, value = (
        said(resource, "identifier", 0, "system"),
        said(resource, "identifier", 0, "value"),
    )
    return f"identifier={system}|{value}" if value else ""


def _id_of(made: Answer, rtype: str) -> str:
    """Take the id from the body, else from the Location: a server may answer without a body."""
    inside = text(made.tree, "id") if text(made.tree, "resourceType") == rtype else ""
    return inside or made.location.split(f"/{rtype}/", 1)[1].split("/")[0]


def _plain(location: str) -> str:
    return location.split("/_history/", maxsplit=1)[0]


def _rewritten(tree: Json, known: Mapping[str, str]) -> Json:
    if isinstance(tree, dict):
        return {name: _rewritten(value, known) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_rewritten(one, known) for one in tree]
    return known.get(tree, tree) if isinstance(tree, str) else tree


def _turned(tree: Json) -> Json:
    """Turn the order of members round; arrays keep theirs, it has a meaning."""
    if isinstance(tree, dict):
        return {name: _turned(tree[name]) for name in reversed(tree)}
    if isinstance(tree, list):
        return [_turned(one) for one in tree]
    return tree
