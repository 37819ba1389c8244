"""Jobs of the outbox as a worker has them: claimed under a lease, settled only while it is held.

Every settling names the lease: a worker that outlived its own changes nothing (SECURITY F08).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.referral import Case
from service.store.outbox import JobKind
from service.store.pool import Conn
from service.store.statements import sql


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


async def claim(
    conn: Conn,
    *,
    lease: UUID,
    at: datetime,
    lease_seconds: float,
    per_placer: int,
    most: int,
    closed: Sequence[UUID],
) -> list[Job]:
    """Take jobs that are due, at most `per_placer` of each placer, none that calls a closed one."""
    rows = await conn.fetch(
        sql("claim_jobs"), lease, at, int(lease_seconds), per_placer, most, list(closed)
    )
    return [_job(row, lease) for row in rows]


async def keep(conn: Conn, job: Job, *, lease_seconds: float) -> bool:
    """Make the lease last longer; False when another has taken it over."""
    done = await conn.fetchval(sql("keep_lease"), job.tenant, job.id, job.lease, lease_seconds)
    return bool(done)


async def hold(conn: Conn, job: Job) -> bool:
    """Lock the job for this transaction; False when the lease is not ours any more."""
    return bool(await conn.fetchval(sql("hold_job"), job.tenant, job.id, job.lease))


async def complete(
    conn: Conn, job: Job, *, outcome: str, code: str = "", at: datetime, new_id: UUID
) -> bool:
    """Take a job off the outbox and keep what it did; False when the lease is lost."""
    done = await conn.fetchval(
        sql("complete_job"), job.tenant, job.id, job.lease, new_id, outcome, code, at
    )
    return bool(done)


async def retry(conn: Conn, job: Job, *, run_at: datetime, code: str) -> bool:
    """Give a job back for a later try; False when the lease is lost."""
    done = await conn.fetchval(sql("retry_job"), job.tenant, job.id, job.lease, run_at, code)
    return bool(done)


async def hand_to_person(conn: Conn, job: Job, *, code: str, at: datetime, new_id: UUID) -> bool:
    """Leave a job to a person, with why; False when the lease is lost."""
    done = await conn.fetchval(
        sql("hand_to_person"), job.tenant, job.id, job.lease, new_id, code, at
    )
    return bool(done)


async def waiting(conn: Conn, case: Case, kind: JobKind) -> UUID | None:
    """Return the job of a referral that waits for a person, locked, or None."""
    found: UUID | None = await conn.fetchval(sql("waiting_job"), case.tenant, case.id, kind.value)
    return found


async def again(
    conn: Conn, case: Case, job: UUID, *, run_at: datetime, give_up_at: datetime
) -> None:
    """Give a job that waited for a person back to the workers."""
    await conn.execute(sql("take_job_from_person"), case.tenant, job, run_at, give_up_at)


async def close(
    conn: Conn, case: Case, job: UUID, *, outcome: str, code: str, at: datetime, new_id: UUID
) -> None:
    """End a job that waited for a person by that person's word."""
    await conn.execute(sql("close_job"), case.tenant, job, new_id, outcome, code, at)


def _job(row: Record, lease: UUID) -> Job:
    values = dict(row)
    kind = JobKind(values.pop("kind"))
    return Job(kind=kind, lease=lease, **values)
