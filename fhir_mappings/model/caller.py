"""Who asks: a placer's client, a person of the clinic, or the service itself."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

NIL_SPACE: Final = UUID(int=0)
"""The clinic's own space: what belongs to no placer stands there."""

EVERY_PLACER: Final = "*"
"""What staff and workers set on purpose to see all placers of their tenant."""


class Role(StrEnum):
    """The five roles of a person (SECURITY T39); a person may have several."""

    SCHEDULER = "scheduler"
    REVIEWER = "reviewer"
    CLINICIAN = "clinician"
    OPERATOR = "operator"
    TESTER = "tester"


class Verb(StrEnum):
    """What a caller may do; also the word in the audit row."""

    RECEIVE_REFERRAL = "receive-referral"
    AMEND_REFERRAL = "amend-referral"
    WITHDRAW_REFERRAL = "withdraw-referral"
    ANSWER_QUESTION = "answer-question"
    ANSWER_PROPOSAL = "answer-proposal"
    STORE_RESOURCES = "store-resources"
    READ = "read"
    PRECHECK = "precheck"
    SEE_FEEDBACK = "see-feedback"
    RESCREEN = "rescreen"
    APPROVE = "approve"
    OVERRIDE = "override"
    ASK = "ask"
    DEFER = "defer"
    DECLINE = "decline"
    PROPOSE = "propose"
    ANSWER_BY_PHONE = "answer-by-phone"
    CANCEL_BOOKING = "cancel-booking"
    REBOOK = "rebook"
    ARRIVE = "arrive"
    NO_SHOW = "no-show"
    UNDO = "undo"
    RECORD_VISIT = "record-visit"
    CORRECT_VISIT = "correct-visit"
    ANSWER_WITHDRAWAL = "answer-withdrawal"
    SETTLE = "settle"
    RESEND = "resend"
    CHANGE_SLOTS = "change-slots"
    CHANGE_SCHEDULE = "change-schedule"
    CHANGE_CLINIC = "change-clinic"
    EXPIRE = "expire"
    DELIVER = "deliver"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One caller as the token proves it.

    A client has `placer`, a person has `person` and `practitioner` (the id of its Practitioner
    in the clinic's space), the service itself has neither. `zone` is the clinic's IANA zone.
    """

    tenant: UUID
    zone: str
    name: str
    placer: UUID | None = None
    person: UUID | None = None
    practitioner: str = ""
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[str] = frozenset()
    rate: int = 0

    @property
    def reach(self) -> str:
        """Return the setting `app.placer`: one placer's id, or all of the tenant's."""
        return str(self.placer) if self.placer else EVERY_PLACER

    @property
    def is_staff(self) -> bool:
        """Tell whether a person of the clinic asks."""
        return self.person is not None

    @property
    def is_service(self) -> bool:
        """Tell whether a worker or timer of ours asks."""
        return self.person is None and self.placer is None


def service_caller(tenant: UUID, zone: str) -> Caller:
    """Return the caller that workers and timers act as: the service, for one tenant."""
    return Caller(tenant=tenant, zone=zone, name="tpi-intake")
