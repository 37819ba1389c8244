"""What timers look for across clinics, by one function of the database."""

from datetime import datetime
from uuid import UUID

from service.store.pool import Conn
from service.store.statements import sql


async def due(conn: Conn, at: datetime, *, most: int) -> list[tuple[UUID, UUID, str, str]]:
    """Return tenant, referral, zone and what is due, of each kind at most `most`."""
    rows = await conn.fetch(sql("due_work"), at, most)
    return [(row["tenant"], row["referral"], row["zone"], row["what"]) for row in rows]
