"""One referral as the database holds it, and the key that makes an order one order."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.stage import Stage


class Channel(StrEnum):
    """The road a message came by."""

    TRANSACTION = "transaction"
    CREATE = "create"


class OrderKey(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two messages the same order, within one placer (PROTOCOL §4)."""

    system: str
    value: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `referral`.

    `order_rid`, `patient_rid` and `task_rid` are ids in the placer's space; `content` is the
    digest of PROTOCOL §4.1; `stamp` orders versions of the order (meta.lastUpdated, else
    authoredOn, as an instant; None where the order says neither). `planned_date` and days in
    general are days of the clinic's zone. `due_at` is when a deferral or a question ends.
    """

    id: UUID
    tenant: UUID
    placer_id: UUID
    order_system: str
    order_value: str
    order_rid: str
    patient_rid: str
    task_rid: str
    stage: Stage
    stage_since: datetime
    outcome: Outcome
    priority: str
    accepted_once: bool
    booked_once: bool
    partly: bool
    planned_date: date | None
    variant: str
    received_at: datetime
    due_at: datetime | None
    question: str
    reason: str
    rounds: int
    content: bytes
    stamp: datetime | None
    version: int
