"""Searching resources: a Query carried out inside the walls, page by page (SQL: `search_v1`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fhir_mappings.model.json import Identity
from fhir_mappings.model.query import Query, When
from service.store.pool import Conn
from service.store.resources import Stored, stored
from service.store.statements import sql

_UNIT: Final = "\x1f"
_TICK: Final = timedelta(microseconds=1)


async def search(
    conn: Conn, query: Query, *, spaces: Sequence[UUID] | None, limit: int
) -> list[Stored]:
    """Return up to `limit` living resources in the query's order.

    `spaces` narrows what the caller sees and never widens it; None is all of it.
    """
    after = query.after
    rows = await conn.fetch(
        sql("search"),
        *_filters(query, spaces),
        query.order.value,
        after.at if after else None,
        after.rid if after else None,
        after.space if after else None,
        limit,
    )
    return [stored(row) for row in rows]


async def count(conn: Conn, query: Query, *, spaces: Sequence[UUID] | None) -> int:
    """Return how many living resources the caller sees, on all pages."""
    found: int = await conn.fetchval(sql("count_found"), *_filters(query, spaces))
    return found


async def in_several_spaces(conn: Conn, tenant: UUID, targets: Iterable[Identity]) -> bool:
    """Say whether an id is in use by more than one placer that the caller sees."""
    wanted = list(targets)
    rows = await conn.fetch(
        sql("spaces_of"), tenant, [one.rtype for one in wanted], [one.rid for one in wanted]
    )
    return bool(rows)


def _filters(query: Query, spaces: Sequence[UUID] | None) -> list[object]:
    """Return the first thirteen parameters of `search_v1`."""
    return [
        spaces,
        query.rtype,
        list(query.each),
        [_UNIT.join(group) for group in query.any_of],
        query.narrow,
        None if query.ids is None else list(query.ids),
        [one.what for one in query.when],
        [one.group for one in query.when],
        [one.prefix for one in query.when],
        [one.start for one in query.when],
        [one.end for one in query.when],
        *_bounds(query.when),
    ]


def _bounds(when: Sequence[When]) -> tuple[datetime | None, datetime | None]:
    """Return half-open bounds of `updated_at` that the conditions imply, for the index.

    Only a condition that stands alone in its group bounds anything. A row's own interval is one
    tick long, so `gt` keeps from `end` on.
    """
    lowest: list[datetime] = []
    highest: list[datetime] = []
    groups = [one.group for one in when]
    for one in when:
        if one.what != "updated" or groups.count(one.group) > 1:
            continue
        match one.prefix:
            case "gt" | "sa":
                lowest.append(one.end)
            case "ge" | "eq":
                lowest.append(one.start)
            case "lt" | "eb":
                highest.append(one.start)
            case _:
                pass
        if one.prefix in {"le", "eq"}:
            highest.append(one.end + _TICK)
    return max(lowest, default=None), min(highest, default=None)
