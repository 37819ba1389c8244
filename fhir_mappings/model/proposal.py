"""A window offered to a patient, and what came back."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from fhir_mappings.model.window import Span


class Policy(StrEnum):
    """How windows are chosen where nobody names them (PROTOCOL §2.3)."""

    EARLIEST = "earliest"
    SPREAD = "spread"  # one a day


class ProposalState(StrEnum):
    """Where one proposal, and the Appointment it is, stands; the database's CHECK says the same."""

    OPEN = "open"
    ACCEPTED = "accepted"
    ARRIVED = "arrived"
    NO_SHOW = "no-show"
    FULFILLED = "fulfilled"
    DECLINED = "declined"
    COUNTERED = "countered"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Answer(StrEnum):
    """AppointmentResponse.participantStatus, as far as it is an answer."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `proposal` with its hold; its id is the Appointment's id.

    `expires` is when the hold ends unless it is answered before; `round` counts the times the
    referral was proposed to, from 1.
    """

    id: UUID
    referral: UUID
    hold: UUID
    window: UUID
    practitioner: str
    location: str
    start: datetime
    end: datetime
    round: int
    state: ProposalState
    expires: datetime
    made_at: datetime
    answer_rid: str = ""
    replaces: UUID | None = None

    @property
    def span(self) -> Span:
        """Return its time without the buffer."""
        return Span(start=self.start, end=self.end)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says: which Appointment, who answers, how, and (counter) when.

    `actor` is the reference or, without one, the participant type that answers.
    """

    appointment: str
    actor: str
    answer: Answer
    start: datetime | None
    end: datetime | None
    comment: str

    @property
    def span(self) -> Span | None:
        """Return the time asked for, where one is."""
        return Span(start=self.start, end=self.end) if self.start and self.end else None
