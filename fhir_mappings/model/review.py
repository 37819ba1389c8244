"""A person's word on a finding or on the referral."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Verdict(StrEnum):
    """The five words a reviewer has (PROTOCOL §2.3)."""

    APPROVE = "approve"
    OVERRIDE = "override"
    DECLINE = "decline"
    DEFER = "defer"
    ASK = "ask"


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `review`.

    `finding_key` is `Finding.key`, empty for a word on the whole referral; `finding_rid` the
    DetectedIssue's id. `reason_code` and `mitigation_code` are codes of ours or empty.
    `until` is a day of the clinic's zone.
    """

    id: UUID
    finding_key: str
    finding_rid: str
    rule: str
    verdict: Verdict
    reason_code: str
    reason: str
    mitigation_code: str
    mitigation: str
    until: date | None
    practitioner: str
    person: UUID
    at: datetime
