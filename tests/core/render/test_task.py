"""The coordination Task says where a referral stands, in codes and in words a referrer reads."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest

from fhir_mappings.model.finding import Action, Finding, FindingKind
from fhir_mappings.model.json import Tree, items, text
from fhir_mappings.model.lift import Time
from fhir_mappings.model.stage import Stage
from fhir_mappings.model.story import Story, Told
from fhir_mappings.render.checked import checked
from fhir_mappings.render.detected_issue import finding_rid
from fhir_mappings.render.task import task
from fhir_mappings.terms import systems
from tests.kit.cases import a_case

AT = datetime(2026, 11, 25, 9, 12, tzinfo=UTC)
ORDER: Tree = {
    "resourceType": "ServiceRequest",
    "identifier": [{"system": "https://ehr.example/order", "value": "1"}],
    "code": {"text": "An injection"},
    "requisition": {"value": "R-1"},
    "occurrencePeriod": {"end": "2026-12-31"},
}
FINDING = Finding(
    rule="R",
    title="Something to look at",
    action=Action.REVIEW,
    kind=FindingKind.CLINICAL,
    category="c",
    scheduler="Hold.",
    referrer="Please send more.",
    rationale="Because.",
    sources=(),
    evidence=(),
)


def a_story(stage: Stage, **changes: object) -> Story:
    case = a_case(stage)
    story = Story(
        case=case,
        order=ORDER,
        pushed=None,
        owner="org",
        owner_name="The clinic",
        open=(),
        findings=((finding_rid(case.id, FINDING), FINDING),),
    )
    return msgspec.structs.replace(story, **changes)


def outputs(tree: Tree, kind: str) -> list[Tree]:
    return [
        one for one in items(tree["output"]) if isinstance(one, dict) and kind in str(one["type"])
    ]


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_makes_a_task_that_a_fhir_library_reads(stage: Stage) -> None:
    tree = task(a_story(stage, open=(FINDING,)), at=AT)

    assert checked(tree)["status"]


def test_it_names_the_order_the_patient_and_the_clinic() -> None:
    tree = task(a_story(Stage.IN_REVIEW, open=(FINDING,)), at=AT)

    assert text(tree, "focus", "reference") == "ServiceRequest/o1"
    assert text(tree, "for", "reference") == "Patient/p1"
    assert text(tree, "owner", "reference") == "Organization/org"
    assert tree["groupIdentifier"] == {"value": "R-1"}
    assert text(tree, "restriction", "period", "end") == "2026-12-31"
    assert str(UUID(int=1)) in str(tree["identifier"])


def test_an_open_finding_is_told_as_the_referrer_reads_it() -> None:
    tree = task(a_story(Stage.IN_REVIEW, open=(FINDING,)), at=AT)

    assert text(tree, "statusReason", "text") == "Please send more."
    assert "Something to look at" in text(tree, "businessStatus", "text")
    assert len(outputs(tree, "finding")) == 1


def test_what_would_lift_it_is_told_with_it() -> None:
    alone = Time(first=date(2026, 12, 5), last=None, eased=False, known=True)
    finding = msgspec.structs.replace(FINDING, lifts=(alone,))

    tree = task(a_story(Stage.IN_REVIEW, open=(finding,)), at=AT)

    assert text(tree, "statusReason", "text") == (
        "Please send more. From 5 December 2026 it no longer stands, by time alone."
    )


def test_a_question_stands_as_reason_and_as_output() -> None:
    case = a_case(Stage.ASKED, question="Which drug?", accepted_once=True)

    tree = task(a_story(Stage.ASKED, case=case), at=AT)

    assert tree["status"] == "on-hold"
    assert text(tree, "statusReason", "text") == "Which drug?"
    assert outputs(tree, "question")[0]["valueString"] == "Which drug?"


def test_a_booking_is_told_in_local_words() -> None:
    told = Told(rid="a1", starts=AT, ends=AT, words="09:30 on 3 December 2026, clinic time")
    case = a_case(Stage.BOOKED, accepted_once=True, booked_once=True)

    tree = task(a_story(Stage.BOOKED, case=case, appointment=told), at=AT)

    assert tree["status"] == "in-progress"
    assert "09:30 on 3 December" in text(tree, "businessStatus", "text")
    assert text(outputs(tree, "appointment")[0], "valueReference", "reference") == "Appointment/a1"


def test_partly_performed_is_not_told_as_performed() -> None:
    case = a_case(Stage.PERFORMED, accepted_once=True, booked_once=True, partly=True)

    tree = task(a_story(Stage.PERFORMED, case=case), at=AT)

    assert "partly-performed" in str(tree["businessStatus"])


def test_the_placers_own_task_keeps_what_it_said() -> None:
    pushed: Tree = {
        "resourceType": "Task",
        "id": "theirs",
        "identifier": [{"system": "https://ehr.example/task", "value": "T"}],
        "status": "requested",
        "intent": "order",
        "focus": {"reference": "ServiceRequest/o1"},
        "note": [{"text": "kept"}],
    }

    tree = task(a_story(Stage.CLEARED, pushed=pushed), at=AT)

    assert tree["note"] == [{"text": "kept"}]
    assert {text(one, "system") for one in items(tree["identifier"])} == {
        "https://ehr.example/task",
        systems.SID_REFERRAL,
    }
