"""A referral's row as a value, for tests that need no database."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Stage

AT = datetime(2026, 11, 25, 9, 12, tzinfo=UTC)


def a_case(stage: Stage, **changes: object) -> Case:
    case = Case(
        id=UUID(int=1),
        tenant=UUID(int=2),
        placer_id=UUID(int=3),
        order_system="https://ehr.example/order",
        order_value="1",
        order_rid="o1",
        patient_rid="p1",
        task_rid=str(UUID(int=1)),
        stage=stage,
        stage_since=AT,
        outcome=Outcome.REVIEW,
        priority="routine",
        accepted_once=False,
        booked_once=False,
        partly=False,
        planned_date=None,
        variant="",
        received_at=AT,
        due_at=None,
        question="",
        reason="",
        rounds=0,
        content=b"",
        stamp=None,
        version=1,
    )
    return msgspec.structs.replace(case, **changes)
