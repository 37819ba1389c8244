"""What timers look for across clinics, by one function of the database."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.store.pool import Conn
from service.store.statements import sql


async def due(
    conn: Conn, at: datetime, *, most: int, past: Collection[UUID] = ()
) -> list[tuple[UUID, UUID, str, str]]:
    """Return tenant, referral, zone and what is due, the longest due first of each kind.

    Of each kind at most `most`; referrals in `past` are left out.
    """
    rows = await conn.fetch(sql("due_work"), at, most, list(past))
    return [(row["tenant"], row["referral"], row["zone"], row["what"]) for row in rows]
