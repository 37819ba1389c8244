"""Work after a commit, as a worker has it: claimed under a lease, done, given back, or lost."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class JobKind(StrEnum):
    """What a worker can be asked to do."""

    RESCREEN = "rescreen"
    TASK_UPDATE = "task-update"
    WRITE_BACK = "write-back"
    PROPOSE_AGAIN = "propose-again"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed job: ids, and when it was promised to be handed to a person.

    `attempts` counts this one; `zone` is the clinic's; `dedupe` ends with what the job is about.
    """

    tenant: UUID
    id: UUID
    placer_id: UUID
    referral: UUID
    kind: JobKind
    dedupe: str
    attempts: int
    made_at: datetime
    give_up_at: datetime
    zone: str
    lease: UUID

    @property
    def about(self) -> str:
        """Return the id that the job is about, the last part of its dedupe key."""
        return self.dedupe.rpartition(":")[2]


class JobOutcome(StrEnum):
    """What became of one run of one job."""

    DONE = "done"
    AGAIN = "again"
    NEEDS_PERSON = "needs-person"
    DENIED = "denied"


class LeaseLost(Exception):
    """Another worker has the job: whatever this one does for it changes nothing."""
