"""Work after the commit, written in the transaction that decided it: ids only, no patient data.

Claiming and settling stand in `deliveries`.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fhir_mappings.model.job import JobKind
from fhir_mappings.model.referral import Case
from service.store.pool import Conn
from service.store.statements import sql

__all__ = ["JobKind", "add", "rescreen", "want"]

_GIVE_UP: Final = timedelta(hours=24)
"""SECURITY L18: a job is handed to a person a day after it was made."""


async def add(
    conn: Conn, case: Case, kind: JobKind, dedupe: str, *, at: datetime, new_id: UUID
) -> None:
    """Add one job of a referral, unless one with this dedupe key stands.

    The referral's row must be locked, or new in this transaction: that keeps its jobs in order.
    """
    await conn.execute(
        sql("add_job"),
        case.tenant,
        new_id,
        case.placer_id,
        case.id,
        kind.value,
        dedupe,
        at,
        at + _GIVE_UP,
    )


async def want(conn: Conn, case: Case, kind: JobKind, *, at: datetime, new_id: UUID) -> None:
    """Ask for work that reads what stands when it is done: a new screening, a Task brought in step.

    One waiting job is enough, and it is locked here: a worker that claimed it before our commit
    would read a state without what is being written. One that is running gets a follower. So a
    referral has at most two of a kind, whatever happens to it (10,000 jobs behind one made each
    claim take 120 ms).
    """
    await conn.execute(
        sql("want_job"),
        case.tenant,
        new_id,
        case.placer_id,
        case.id,
        kind.value,
        f"{kind.value}:{new_id}",
        at,
        at + _GIVE_UP,
    )


async def rescreen(conn: Conn, case: Case, *, at: datetime, new_id: UUID) -> None:
    """Ask for a new screening of a referral whose patient's data change in this transaction."""
    await want(conn, case, JobKind.RESCREEN, at=at, new_id=new_id)
