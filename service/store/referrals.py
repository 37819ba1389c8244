"""The rows of `referral`: found by their keys, locked, and moved from stage to stage."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.referral import Case, OrderKey
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Problem, Refused
from service.store.pool import Conn
from service.store.statements import sql

_ACCEPTED: Final = frozenset(
    {Stage.CLEARED, Stage.PROPOSED, Stage.BOOKED, Stage.ARRIVED, Stage.PERFORMED}
)
_BOOKED: Final = frozenset({Stage.BOOKED, Stage.ARRIVED, Stage.PERFORMED})


async def find(conn: Conn, tenant: UUID, referral: UUID) -> Case:
    """Return a referral without locking it.

    Raises:
        Refused: `not-found` where the caller sees none of this id.
    """
    return _one(await conn.fetchrow(sql("find_referral"), tenant, referral))


async def lock(conn: Conn, tenant: UUID, *, referral: UUID) -> Case:
    """Return a referral and keep others from changing it until the commit.

    Raises:
        Refused: `not-found` where the caller sees none of this id.
    """
    return _one(await conn.fetchrow(sql("lock_referral"), tenant, referral))


async def by_key(conn: Conn, tenant: UUID, placer: UUID, key: OrderKey) -> Case | None:
    """Return the referral of an order key, or None; not locked: its patient's data are first."""
    row = await conn.fetchrow(sql("find_referral_of_key"), tenant, placer, key.system, key.value)
    return case_of(row) if row else None


async def id_of_task(conn: Conn, tenant: UUID, rid: str, *, placer: UUID | None = None) -> UUID:
    """Return the referral whose coordination Task has this id.

    Raises:
        Refused: `not-found`, or `which-placer` where two spaces use the id and none is named.
    """
    rows = await conn.fetch(sql("referrals_of_task"), tenant, rid, placer)
    return _only(rows, "Task")


async def id_of_order(conn: Conn, tenant: UUID, rid: str, *, placer: UUID | None = None) -> UUID:
    """Return the referral whose ServiceRequest has this id.

    Raises:
        Refused: `not-found`, or `which-placer` where two spaces use the id and none is named.
    """
    rows = await conn.fetch(sql("referrals_of_order"), tenant, rid, placer)
    return _only(rows, "ServiceRequest")


async def living_of_patient(conn: Conn, tenant: UUID, placer: UUID, patient_rid: str) -> list[UUID]:
    """Return the referrals of a patient that new data may still move, or are for the record."""
    rows = await conn.fetch(sql("referrals_of_patient"), tenant, placer, patient_rid)
    return [row["id"] for row in rows]


async def move(conn: Conn, case: Case, stage: Stage, *, at: datetime, **changes: Any) -> Case:  # noqa: ANN401 - members of Case, checked by msgspec
    """Write a referral's new stage and changed members, version + 1, and return it.

    Raises:
        Refused: `stale` where the row has another version by now.
    """
    since = case.stage_since if stage == case.stage else at
    moved = msgspec.structs.replace(
        case,
        stage=stage,
        stage_since=since,
        accepted_once=case.accepted_once or stage in _ACCEPTED,
        booked_once=case.booked_once or stage in _BOOKED,
        version=case.version + 1,
        **changes,
    )
    done = await conn.fetchval(
        sql("move_referral"),
        moved.tenant,
        moved.id,
        case.version,
        moved.stage,
        moved.stage_since,
        moved.outcome,
        moved.accepted_once,
        moved.booked_once,
        moved.partly,
        moved.planned_date,
        moved.variant,
        moved.due_at,
        moved.question,
        moved.reason,
        moved.rounds,
        moved.content,
        moved.stamp,
        moved.priority,
    )
    if done is None:
        raise Refused(Problem(Code.STALE))
    return moved


def _one(row: Record | None) -> Case:
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return case_of(row)


def _only(rows: list[Record], rtype: str) -> UUID:
    if not rows:
        raise Refused(Problem(Code.NOT_FOUND, context=rtype))
    if len(rows) > 1:
        raise Refused(Problem(Code.WHICH_PLACER))
    found: UUID = rows[0]["id"]
    return found


def case_of(row: Record) -> Case:
    """Read a whole row."""
    values = dict(row)
    values["stage"] = Stage(values["stage"])
    values["outcome"] = Outcome(values["outcome"])
    return Case(**values)
