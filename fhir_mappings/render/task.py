"""The coordination Task: one picture of where a referral stands (PROTOCOL §3.1, §3.2, ex 04)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.moment import instant
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Stage
from fhir_mappings.model.story import Story, Told
from fhir_mappings.render.lifted_by import for_referrer
from fhir_mappings.terms import systems, workflow

_EXPLAINED: Final = frozenset(
    {
        Stage.IN_REVIEW,
        Stage.CONTRAINDICATED,
        Stage.ASKED,
        Stage.DEFERRED,
        Stage.DECLINED,
        Stage.WITHDRAWN,
        Stage.EXPIRED,
        Stage.NOT_PERFORMED,
    }
)
"""Stages whose Task says why in statusReason."""

_SENTENCES: Final = {
    Stage.RECEIVED: "Received; waiting for data from the referrer",
    Stage.CLEARED: "Cleared; the clinic looks for a time",
    Stage.PROPOSED: "Times are proposed; waiting for an answer",
    Stage.BOOKED: "Booked",
    Stage.ARRIVED: "The patient has arrived",
    Stage.NO_SHOW: "The patient did not come",
    Stage.PERFORMED: "Performed; the record is being written back",
    Stage.WRITTEN_BACK: "Performed; the record was written back and read there",
    Stage.CLOSED: "Closed",
    Stage.DEFERRED: "Deferred by the clinic",
    Stage.DECLINED: "Declined by the clinic",
    Stage.WITHDRAWN: "Withdrawn by the referrer",
    Stage.EXPIRED: "Expired without an answer",
    Stage.NOT_PERFORMED: "Not performed",
}


def task(story: Story, *, at: datetime) -> Tree:
    """Return the coordination Task as it stands at `at`, without id and version.

    Written with every act on a referral, it does not pass the gate here (docs/decisions/0016); a
    copy for a placer does, and tests pass the Task of every stage through it.
    """
    case = story.case
    tree: Tree = _pushed(story) if story.pushed else _own(story)
    tree |= {
        "status": status(case),
        "lastModified": instant(at),
        "output": list(_outputs(story)),
    }
    if business := _business(story):
        tree["businessStatus"] = business
    if why := _why(story):
        tree["statusReason"] = {"text": why}
    return tree


def status(case: Case) -> str:
    """Return Task.status of the referral's stage in its phase."""
    row = workflow.BY_STAGE[case.stage]
    if case.booked_once:
        return row.booked
    return row.accepted if case.accepted_once else row.never


def _own(story: Story) -> Tree:
    case, order = story.case, story.order
    tree: Tree = {
        "resourceType": "Task",
        "identifier": [_identifier(case)],
        "basedOn": [_order(story)],
        "intent": "order",
        "priority": case.priority,
        "code": {
            "coding": [
                {
                    "system": systems.TASK_CODE,
                    "code": "fulfill",
                    "display": "Fulfill the focal request",
                }
            ]
        },
        "focus": _order(story),
        "for": {"reference": f"Patient/{case.patient_rid}"},
        "authoredOn": instant(case.received_at),
        "owner": {"reference": f"Organization/{story.owner}", "display": story.owner_name},
    }
    if words := text(order, "code", "text"):
        tree["description"] = words
    if requester := order.get("requester"):
        tree["requester"] = requester
    if group := order.get("requisition"):
        tree["groupIdentifier"] = group
    if wanted := _wanted_by(order):
        tree["restriction"] = {"period": {"end": wanted}}
    return tree


def _pushed(story: Story) -> Tree:
    """Keep what the placer wrote on its own Task; our identifier is added."""
    own = {"id", "meta", "output", "statusReason", "businessStatus", "text"}
    kept: Tree = {name: value for name, value in members(story.pushed).items() if name not in own}
    theirs = [
        one for one in items(kept.get("identifier")) if text(one, "system") != systems.SID_REFERRAL
    ]
    return {**kept, "identifier": [*theirs, _identifier(story.case)]}


def _identifier(case: Case) -> Json:
    return {
        "type": {"coding": [{"system": systems.IDENTIFIER_TYPE, "code": "FILL"}]},
        "system": systems.SID_REFERRAL,
        "value": str(case.id),
    }


def _order(story: Story) -> Json:
    case = story.case
    tree: Tree = {"reference": f"ServiceRequest/{case.order_rid}"}
    for one in items(story.order.get("identifier")):
        if text(one, "system") == case.order_system and text(one, "value") == case.order_value:
            tree["identifier"] = {"system": case.order_system, "value": case.order_value}
    return tree


def _wanted_by(order: Tree) -> str:
    return text(order, "occurrencePeriod", "end") or text(order, "occurrenceDateTime")


def _business(story: Story) -> Json:
    row = workflow.BY_STAGE[story.case.stage]
    if not row.business:
        return None
    partly = story.case.stage is Stage.PERFORMED and story.case.partly
    coding: list[Json] = [
        {
            "system": systems.BUSINESS_STATUS,
            "code": workflow.PARTLY_PERFORMED if partly else row.business,
            "display": row.display,
        }
    ]
    if row.cow:
        coding.append({"system": systems.COW, "code": row.cow})
    if row.bser:
        coding.append({"system": systems.BSER_STATUS, "code": row.bser})
    return {"coding": coding, "text": _sentence(story)}


def _sentence(story: Story) -> str:
    stage = story.case.stage
    worst = story.open[0].title if story.open else ""
    match stage:
        case Stage.IN_REVIEW:
            return f"Waiting for a clinician to review: {worst}" if worst else "In review"
        case Stage.CONTRAINDICATED:
            return f"A clinician must decide first: {worst}" if worst else "Contraindicated"
        case Stage.ASKED:
            return f"Waiting for the referrer: {story.case.question}"
        case Stage.BOOKED if story.appointment:
            return f"Booked: {story.appointment.words}"
        case _:
            return _SENTENCES.get(stage, stage.value)


def _why(story: Story) -> str:
    case = story.case
    if case.stage not in _EXPLAINED:
        return ""
    if case.stage is Stage.ASKED:
        return case.question
    said = [case.reason] if case.reason else []
    if case.stage in (Stage.IN_REVIEW, Stage.CONTRAINDICATED):
        said = [for_referrer(one) for one in story.open]
    return " ".join(dict.fromkeys(said)) or _SENTENCES.get(case.stage, "")


def _outputs(story: Story) -> Iterator[Json]:
    outcome: Json = {
        "coding": [{"system": systems.SCREENING_OUTCOME, "code": story.case.outcome.value}]
    }
    yield _output(workflow.OUTPUT_SCREENING, "valueCodeableConcept", outcome)
    for rid, _ in story.findings:
        yield _output(
            workflow.OUTPUT_FINDING, "valueReference", {"reference": f"DetectedIssue/{rid}"}
        )
    if story.case.question:
        yield _output(workflow.OUTPUT_QUESTION, "valueString", story.case.question)
    for one in story.proposals:
        yield _output(workflow.OUTPUT_PROPOSAL, "valueReference", _appointment(one))
    if story.appointment:
        yield _output(
            workflow.OUTPUT_APPOINTMENT, "valueReference", _appointment(story.appointment)
        )
    if story.procedure:
        yield _output(
            workflow.OUTPUT_PROCEDURE,
            "valueReference",
            {"reference": f"Procedure/{story.procedure}"},
        )
    if story.proof:
        yield _output(workflow.OUTPUT_PROOF, "valueString", story.proof)


def _output(kind: str, member: str, value: Json) -> Json:
    return {"type": {"coding": [{"system": systems.TASK_OUTPUT, "code": kind}]}, member: value}


def _appointment(one: Told) -> Json:
    return {
        "reference": f"Appointment/{one.rid}",
        "identifier": {"system": systems.SID_PROPOSAL, "value": one.rid},
        "display": one.words,
    }
