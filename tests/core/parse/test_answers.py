"""What an answer to a proposal says, and what of it is not an answer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhir_mappings.model.json import Tree, decode
from fhir_mappings.model.proposal import Answer
from fhir_mappings.parse import appointment_change as change
from fhir_mappings.parse import appointment_response as response
from fhir_mappings.parse.appointment_change import Change, To
from fhir_mappings.problems import Code, Refused

BASE = "https://clinic.example/fhir"
EXAMPLES = Path("tests/data/payloads/examples")
PROPOSED = decode((EXAMPLES / "06-appointment-proposed.json").read_text())
APPOINTMENT = "0199a1d3-77aa-7b02-8a01-6b1f0d2c3a01"


def example(name: str, **members: object) -> Tree:
    tree: Tree = decode((EXAMPLES / name).read_text())
    tree.update(members)  # type: ignore[arg-type] # JSON by keyword
    return tree


def accepted(**members: object) -> Tree:
    return example("07-appointment-response-accepted.json", **members)


def problems(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[Code, str]]:
    return [(one.code, one.expression) for one in refused.value.problems]


def test_example_07_accepts_as_the_patient() -> None:
    said = response.answered(accepted(), BASE)

    assert said.appointment == APPOINTMENT
    assert said.actor == "Patient/0199a1c0-5b1e-7c3a-9f10-3a5f0c7d2e11"
    assert said.answer is Answer.ACCEPTED
    assert said.span is None


def test_example_08_asks_for_another_time() -> None:
    said = response.answered(example("08-appointment-response-counter.json"), BASE)

    assert said.answer is Answer.TENTATIVE
    assert said.span
    assert said.span.start == datetime(2026, 12, 4, 18, 0, tzinfo=UTC)


def test_absolute_references_under_our_base_are_ours() -> None:
    said = response.answered(
        accepted(
            appointment={"reference": f"{BASE}/Appointment/{APPOINTMENT}/_history/2"},
            actor={"reference": f"{BASE}/Patient/1"},
        ),
        BASE,
    )

    assert (said.appointment, said.actor) == (APPOINTMENT, "Patient/1")


def test_without_a_reference_the_participant_type_answers() -> None:
    tree = accepted(participantType=[{"coding": [{"system": "s", "code": "SBJ"}]}])
    del tree["actor"]

    assert response.answered(tree, BASE).actor == "s|SBJ"


@pytest.mark.parametrize(
    ("members", "code", "expression"),
    [
        ({"participantStatus": "needs-action"}, Code.ANSWER_FORM, "participantStatus"),
        ({"participantStatus": "tentative"}, Code.ANSWER_FORM, "start"),
        ({"appointment": {"reference": "Slot/1"}}, Code.ANSWER_FORM, "appointment"),
        ({"appointment": {"display": "that one"}}, Code.ANSWER_FORM, "appointment"),
        (
            {"appointment": {"reference": "https://other.example/Appointment/1"}},
            Code.ANSWER_FORM,
            "appointment",
        ),
        ({"modifierExtension": [{"url": "u"}]}, Code.MODIFIER_EXTENSION, "modifierExtension"),
        ({"implicitRules": "u"}, Code.IMPLICIT_RULES, "implicitRules"),
    ],
)
def test_what_is_no_answer_is_refused_where_it_stands(
    members: dict[str, object], code: Code, expression: str
) -> None:
    with pytest.raises(Refused) as refused:
        response.answered(accepted(**members), BASE)

    assert problems(refused) == [(code, f"AppointmentResponse.{expression}")]


def put(**members: object) -> Change | None:
    return change.put(PROPOSED, {**PROPOSED, **members})  # type: ignore[dict-item] # JSON by keyword


def patch(*operations: dict[str, object]) -> Change | None:
    return change.patch(PROPOSED, list(operations))  # type: ignore[arg-type] # JSON


def test_a_put_that_changes_nothing_is_nothing() -> None:
    assert put() is None
    assert put(meta={"versionId": "9"}) is None


def test_a_put_may_book() -> None:
    assert put(status="booked") == Change(to=To.BOOKED, reason="", comment="")


def test_a_put_may_cancel_with_reason_and_comment() -> None:
    said = put(status="cancelled", cancelationReason={"text": "Ill"}, comment="By phone")

    assert said == Change(to=To.CANCELLED, reason="Ill", comment="By phone")


@pytest.mark.parametrize(
    ("members", "expression"),
    [
        ({"status": "booked", "start": "2026-12-04T14:30:00Z"}, "Appointment.start"),
        ({"status": "booked", "comment": "Gladly"}, "Appointment.comment"),
        ({"status": "arrived"}, "Appointment.status"),
        ({"comment": "Only a word"}, "Appointment.status"),
    ],
)
def test_a_put_of_anything_else_is_refused_by_path(
    members: dict[str, object], expression: str
) -> None:
    with pytest.raises(Refused) as refused:
        put(**members)

    assert problems(refused) == [(Code.FIELD_NOT_YOURS, expression)]


def test_a_put_that_leaves_members_out_is_refused_by_path() -> None:
    with pytest.raises(Refused) as refused:
        change.put(PROPOSED, {"resourceType": "Appointment", "status": "booked"})

    assert (Code.FIELD_NOT_YOURS, "Appointment.slot") in problems(refused)


def test_a_patch_may_cancel() -> None:
    said = patch(
        {"op": "test", "path": "/status", "value": "proposed"},
        {"op": "replace", "path": "/status", "value": "cancelled"},
        {"op": "add", "path": "/cancelationReason", "value": {"text": "Ill"}},
    )

    assert said == Change(to=To.CANCELLED, reason="Ill", comment="")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "replace", "path": "/start", "value": "x"}, Code.FIELD_NOT_YOURS),
        ({"op": "remove", "path": "/status"}, Code.FIELD_NOT_YOURS),
        ({"op": "test", "path": "/status", "value": "booked"}, Code.CONDITION_NONE),
    ],
)
def test_a_patch_of_anything_else_is_refused(operation: dict[str, object], code: Code) -> None:
    with pytest.raises(Refused) as refused:
        patch(operation)

    assert [one for one, _ in problems(refused)] == [code]
