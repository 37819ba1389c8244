"""What a statement costs whatever the machine does meanwhile: the rows of tables that it reads.

Times wobble, and each version of PostgreSQL writes plans in its own way.
"""

from typing import Protocol

# counted since the session last told the server, so what a statement adds is a difference
_ROWS_READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid))::int
  FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


class _Asked(Protocol):
    async def fetchval(self, query: str, /) -> int: ...


class RowsRead:
    """Counts from its start, inside one transaction of one connection."""

    def __init__(self, conn: _Asked, before: int) -> None:
        self._conn = conn
        self._before = before

    @classmethod
    async def begin(cls, conn: _Asked) -> "RowsRead":
        return cls(conn, await conn.fetchval(_ROWS_READ))

    async def told(self) -> int:
        return await self._conn.fetchval(_ROWS_READ) - self._before
