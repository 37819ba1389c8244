"""In which condition a database is, as its owner sees it: for `tpi doctor` alone."""

from datetime import datetime

import msgspec

from service.store.roles import Direct, missing
from service.store.statements import sql


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What a doctor looks at.

    `clock` is the server's; `lacks` is SQL that the roles still need; `oldest` is when the job
    that has waited longest was due, None with an empty queue.
    """

    version: int
    clock: datetime
    lacks: tuple[str, ...]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Work after the commit: how much waits, since when, and what waits for a person."""

    waiting: int
    needs_person: int
    oldest: datetime | None


async def condition(conn: Direct, *, private: bool) -> Condition:
    """Look at the server."""
    return Condition(
        version=int(await conn.fetchval("SHOW server_version_num")) // 10_000,
        clock=await conn.fetchval("SELECT clock_timestamp()"),
        lacks=await missing(conn, login=private),
    )


async def queue(conn: Direct) -> Queue:
    """Look at the queue of every clinic: only the owner sees it."""
    row = await conn.fetchrow(sql("read_queue"))
    if row is None:
        return Queue(waiting=0, needs_person=0, oldest=None)
    return Queue(waiting=row["waiting"], needs_person=row["needs_person"], oldest=row["oldest"])


async def open_tokens(conn: Direct, at: datetime) -> int:
    """Count the tokens that open something at this moment."""
    return int(await conn.fetchval(sql("count_open_tokens"), at))
