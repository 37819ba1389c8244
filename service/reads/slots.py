"""Which windows does the clinic have, and are they free now?

A Slot is a stored window; its status is worked out at each read (PROTOCOL §6), so it stands in no
table of resources and has no version.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import NIL_SPACE, Caller, Verb
from fhir_mappings.model.json import Identity, Tree, encode
from fhir_mappings.model.query import Asked, Position, Query, When
from fhir_mappings.model.window import Opening
from fhir_mappings.parse.index import index
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.slot import slot as rendered
from service.deps import Deps
from service.store import schedules, windows
from service.store.pool import Conn
from service.store.schedules import Service
from service.store.transaction import transaction
from service.store.windows import Seen

_CHUNK: Final = 100  # what stands over a window is asked of two GiST indexes: 0.3 ms at 100 k holds


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One Slot as it is served."""

    identity: Identity
    text: str


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """One page in order of time; `next` is None on the last, `total` None where it is not known."""

    rows: tuple[Slot, ...]
    total: int | None
    next: Position | None


async def slot(deps: Deps, caller: Caller, rid: str) -> Slot:
    """Return one Slot with its status of this moment.

    Raises:
        Refused: `role`; `not-found`.
    """
    allow(caller, Verb.READ)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        found = await windows.seen(conn, at=deps.now(), most=1, ids=_ids([rid]))
        if not found:
            raise Refused(Problem(Code.NOT_FOUND))
        return _shown(found[0], await schedules.services(conn, caller.tenant))


async def search(deps: Deps, caller: Caller, asked: Asked, *, placer: UUID | None = None) -> Slots:
    """Search Slots by schedule, start and status, always in order of time.

    Windows that no cut wants any more are read by their id alone. Slots are the clinic's own:
    `placer` makes no difference.

    Raises:
        Refused: `role`.
    """
    del placer
    allow(caller, Verb.READ)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        most = asked.count + 1 if asked.count else 0
        found = await _matching(conn, asked.query, most=most, at=now) if most else []
        whole = asked.count > 0 and len(found) <= asked.count and asked.query.after is None
        total = len(found) if whole else None
        if total is None and asked.total:
            every = msgspec.structs.replace(asked.query, after=None)
            total = len(await _matching(conn, every, most=None, at=now))
        services = await schedules.services(conn, caller.tenant)
    page = found[: asked.count]
    return Slots(
        rows=tuple(_shown(one, services) for one in page),
        total=total,
        next=_position(page[-1]) if len(found) > asked.count > 0 else None,
    )


async def _matching(conn: Conn, query: Query, *, most: int | None, at: datetime) -> list[Seen]:
    """Read windows chunk by chunk until enough of them match; None: all."""
    found: list[Seen] = []
    after = _after(query.after)
    start, end = _bounds(query.when)
    ids = None if query.ids is None else _ids(query.ids)
    while True:
        chunk = await windows.seen(
            conn, at=at, most=_CHUNK, ids=ids, start=start, end=end, after=after
        )
        found += [one for one in chunk if _matches(one, query)]
        if len(chunk) < _CHUNK or (most is not None and len(found) >= most):
            return found[:most]
        after = (chunk[-1].window.start, chunk[-1].window.id)


def _matches(seen: Seen, query: Query) -> bool:
    """Tell whether a window has every token asked for, at a time asked for."""
    if seen.window.opening is Opening.DROPPED and query.ids is None:
        return False
    tree: Tree = {
        "resourceType": "Slot",
        "schedule": {"reference": f"Schedule/{seen.window.schedule}"},
        "status": seen.status.value,
    }
    tokens = set(index(tree, space=NIL_SPACE).tokens)
    return (
        tokens.issuperset(query.each)
        and not any(tokens.isdisjoint(group) for group in query.any_of)
        and all(_in_time(seen, group) for group in _groups(query.when))
    )


def _groups(when: Iterable[When]) -> list[list[When]]:
    groups: dict[int, list[When]] = {}
    for one in when:
        groups.setdefault(one.group, []).append(one)
    return list(groups.values())


def _in_time(seen: Seen, group: Iterable[When]) -> bool:
    """Tell whether one of some conditions holds; a Slot's start is one instant.

    Source: FHIR R4 search.html#prefix, for an instant against an interval.
    """
    return any(
        _holds(seen.window.start if one.what == "at" else seen.updated_at, one) for one in group
    )


def _holds(at: datetime, one: When) -> bool:
    within = one.start <= at < one.end
    match one.prefix:
        case "eq" | "ap":
            return within
        case "ne":
            return not within
        case "gt" | "sa":
            return at >= one.end
        case "ge":
            return at >= one.start
        case "lt" | "eb":
            return at < one.start
        case _:  # le
            return at < one.end


def _bounds(when: Iterable[When]) -> tuple[datetime | None, datetime | None]:
    """Return what conditions on the start imply, for the index: only those that stand alone."""
    alone = [group[0] for group in _groups(when) if len(group) == 1 and group[0].what == "at"]
    lowest = [one.end for one in alone if one.prefix in {"gt", "sa"}]
    lowest += [one.start for one in alone if one.prefix in {"eq", "ap", "ge"}]
    highest = [one.start for one in alone if one.prefix in {"lt", "eb"}]
    highest += [one.end for one in alone if one.prefix in {"eq", "ap", "le"}]
    return max(lowest, default=None), min(highest, default=None)


def _shown(seen: Seen, services: dict[str, Service]) -> Slot:
    service = services[seen.window.schedule]
    tree = rendered(seen.window, seen.status, service=service.words, zone=service.zone)
    identity = Identity(rtype="Slot", rid=str(seen.window.id))
    return Slot(identity=identity, text=encode(tree).decode())


def _position(seen: Seen) -> Position:
    return Position(at=seen.window.start, rid=str(seen.window.id), space=NIL_SPACE)


def _after(place: Position | None) -> tuple[datetime, UUID] | None:
    if place is None:
        return None
    try:
        return place.at, UUID(place.rid)
    except ValueError:  # a place in another type's pages
        raise Refused(Problem(Code.PARAMETER_VALUE, context="_cursor")) from None


def _ids(rids: Iterable[str]) -> list[UUID]:
    """Read ids of ours; anything else is the id of nothing."""
    found: list[UUID] = []
    for rid in rids:
        try:
            found.append(UUID(rid))
        except ValueError:
            continue
    return found
