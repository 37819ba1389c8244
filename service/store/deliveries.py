"""Jobs of the outbox as a worker has them: claimed under a lease, settled only while it is held.

Every settling names the lease: a worker that outlived its own changes nothing (SECURITY F08).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.decide.retry import Again, ToPerson
from fhir_mappings.model.job import Job, JobKind, LeaseLost
from fhir_mappings.model.referral import Case
from service.store.pool import Conn
from service.store.statements import sql


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


async def keep(conn: Conn, job: Job, *, lease_seconds: float) -> None:
    """Make the lease last longer.

    Raises:
        LeaseLost: another has taken the job over.
    """
    _mine(await conn.fetchval(sql("keep_lease"), job.tenant, job.id, job.lease, lease_seconds))


async def hold(conn: Conn, job: Job) -> None:
    """Lock the job for this transaction: nothing is written for a job that is not ours.

    Raises:
        LeaseLost: another has taken the job over.
    """
    _mine(await conn.fetchval(sql("hold_job"), job.tenant, job.id, job.lease))


async def complete(
    conn: Conn, job: Job, *, outcome: str, code: str = "", at: datetime, new_id: UUID
) -> None:
    """Take a job off the outbox and keep what it did.

    Raises:
        LeaseLost: another has taken the job over.
    """
    _mine(
        await conn.fetchval(
            sql("complete_job"), job.tenant, job.id, job.lease, new_id, outcome, code, at
        )
    )


async def put_back(
    conn: Conn, job: Job, then: Again | ToPerson, *, code: str, at: datetime, new_id: UUID
) -> None:
    """Give a job back for a later try, or leave it to a person; `code` says why.

    Raises:
        LeaseLost: another has taken the job over.
    """
    key = (job.tenant, job.id, job.lease)
    match then:
        case Again():
            _mine(await conn.fetchval(sql("retry_job"), *key, then.run_at, code))
        case ToPerson():
            _mine(await conn.fetchval(sql("hand_to_person"), *key, new_id, then.code, at))


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A job that waits for a person; `about` is the visit of a write-back."""

    id: UUID
    kind: JobKind
    about: str


async def waiting(conn: Conn, case: Case) -> Waiting | None:
    """Return what of a referral waits for a person, locked: its write-back before its Task."""
    row = await conn.fetchrow(sql("waiting_job"), case.tenant, case.id)
    if row is None:
        return None
    about = str(row["dedupe"]).rpartition(":")[2]
    return Waiting(id=row["id"], kind=JobKind(row["kind"]), about=about)


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


def _mine(done: object) -> None:
    if not done:
        raise LeaseLost


def _job(row: Record, lease: UUID) -> Job:
    values = dict(row)
    kind = JobKind(values.pop("kind"))
    return Job(kind=kind, lease=lease, **values)
