"""What happens between a performed visit and its proof at the placer's server."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Rung(StrEnum):
    """The ways a visit can be carried back, best first (PROTOCOL §6)."""

    PROCEDURE = "procedure"


class Way(StrEnum):
    """How one rung is sent: everything at once, or each resource by itself."""

    TRANSACTION = "transaction"
    SINGLE = "single"


class WriteBackState(StrEnum):
    """Where one rung of one visit stands; the database's CHECK holds the same words."""

    PENDING = "pending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    PROVEN = "proven"
    REFUSED = "refused"
    GAVE_UP = "gave-up"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a placer's server answered: a claim, not yet a proof.

    `location` and `etag` stand as sent, empty where absent; `retry_after` likewise (seconds or
    an HTTP date). `body` may be anything at all.
    """

    status: int
    body: bytes = b""
    location: str = ""
    etag: str = ""
    retry_after: str = ""


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """No answer that could be read.

    `why` is a word of a closed set (refused, time-out, broken, too-big, encoding, address).
    `reached` tells whether the request may have arrived and been acted on: then nothing is sent
    again before a search.
    """

    why: str
    reached: bool


Reply = Answer | Away


class Stood(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as it was read back at the placer: the evidence of a proof.

    `reference` is relative there (`Procedure/12`), `version` opaque text, `digest` the SHA-256
    (hex) of the bytes that were read.
    """

    reference: str
    version: str
    digest: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Every resource of a visit, read back and found equal; the Procedure first."""

    stood: tuple[Stood, ...]
    at: datetime


class WriteBack(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `writeback`: one visit on one rung.

    `claimed` maps our identifier values (the visit's, the doses') to the references that the
    placer's server gives them: claims until proven. `sent_at` is when a send began whose outcome
    is not known, None where there is none; `claimed_at` since when that server says it has them.
    """

    id: UUID
    visit: UUID
    rung: Rung
    way: Way
    state: WriteBackState
    claimed: dict[str, str] = {}
    sent_at: datetime | None = None
    claimed_at: datetime | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search at the placer gave: references of what carries our identifier, oldest first.

    `honest` is False when the server answered with something that we did not ask for: then it
    ignored the question, and "nothing found" says nothing.
    """

    references: tuple[str, ...]
    honest: bool = True


class Verdict(StrEnum):
    """What an answer means for what we do next, whatever was asked."""

    DONE = "done"
    CONFLICT = "conflict"
    REFUSED = "refused"
    ABSENT = "absent"
    DENIED = "denied"
    LATER = "later"
    UNKNOWN = "unknown"


class PersonReason(StrEnum):
    """Why a delivery waits for a person; the words of the outbox row and the work list."""

    DIFFERS = "differs"
    REFUSED = "refused"
    SUBJECT_NOT_FOUND = "subject-not-found"
    NO_SEARCH = "no-search"
    TWO_FOUND = "two-found"
    NOT_THERE = "not-there"
    GAVE_UP = "gave-up"
    NO_BASE = "no-base"
