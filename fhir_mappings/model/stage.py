"""Where a referral stands, and what can happen to it: PROTOCOL §3.2 and §3.3, literally."""

from enum import StrEnum

import msgspec


class Stage(StrEnum):
    """The stages of PROTOCOL §3.2; the database's CHECK holds the same words."""

    RECEIVED = "received"
    IN_REVIEW = "in-review"
    CONTRAINDICATED = "contraindicated"
    ASKED = "asked"
    DEFERRED = "deferred"
    CLEARED = "cleared"
    PROPOSED = "proposed"
    BOOKED = "booked"
    ARRIVED = "arrived"
    NO_SHOW = "no-show"
    PERFORMED = "performed"
    WRITTEN_BACK = "written-back"
    CLOSED = "closed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    NOT_PERFORMED = "not-performed"
    VOID = "void"


DEAD = frozenset({Stage.DECLINED, Stage.WITHDRAWN, Stage.EXPIRED, Stage.NOT_PERFORMED, Stage.VOID})
"""Stages that nothing leaves; a new try is a new order."""

DONE = frozenset({Stage.PERFORMED, Stage.WRITTEN_BACK, Stage.CLOSED})
"""Stages after the needle: new data are screened for the record and move nothing."""


class Event(StrEnum):
    """What can happen to a referral (PROTOCOL §3.3)."""

    SCREENED_CLEAR = "screened-clear"
    SCREENED_REVIEW = "screened-review"
    SCREENED_BLOCK = "screened-block"
    DECIDED = "decided"
    ASK = "ask"
    DEFER = "defer"
    DECLINE = "decline"
    PROPOSE = "propose"
    PROPOSALS_GONE = "proposals-gone"
    BOOK = "book"
    REBOOK = "rebook"
    UNBOOK = "unbook"
    ARRIVE = "arrive"
    NO_SHOW = "no-show"
    UNDO = "undo"
    PERFORM = "perform"
    NOT_PERFORM = "not-perform"
    TRY_AGAIN = "try-again"
    PROVEN = "proven"
    CLOSE = "close"
    WITHDRAW = "withdraw"
    WITHDRAWAL_ACCEPTED = "withdrawal-accepted"
    VOID = "void"
    EXPIRE = "expire"
    CORRECT = "correct"
    RETRACT = "retract"
    ANSWERED = "answered"
    DUE = "due"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What lives beside the stage: it decides where `back` leads.

    `booked` and `arrived`: a living Appointment in that state; `proposals`: open proposals.
    `review`, `block`: the worst finding without a standing decision, for the events that go on
    "by screening".
    """

    booked: bool = False
    arrived: bool = False
    proposals: bool = False
    review: bool = False
    block: bool = False
