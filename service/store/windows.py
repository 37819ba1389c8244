"""The rows of `open_window`: cut, found, held. Each is one Slot with its id for life."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.decide.windows import Cut, Recut, cut, recut
from fhir_mappings.model.moment import clinic_time
from fhir_mappings.model.referral import Case
from fhir_mappings.model.window import (
    Opening,
    Schedule,
    SlotStatus,
    Span,
    WantedSlot,
    Window,
)
from fhir_mappings.problems import Code, Problem, Refused
from service.store.pool import Conn
from service.store.statements import sql

_CUT: Final = "cut"
_NEXT: Final = 3
_AHEAD: Final = timedelta(days=731)  # no planning horizon is longer


async def cut_again(
    conn: Conn, tenant: UUID, schedule: Schedule, *, at: datetime, new_id: Callable[[], UUID]
) -> Recut:
    """Cut the future windows of a Schedule anew; the past and what lives on a window stay.

    An inactive Schedule wants none. The schedule's row must be written before.
    """
    wanted = cut(schedule.availability) if schedule.active else Cut(windows=(), unreal=())
    rows = await conn.fetch(sql("windows_of_schedule"), tenant, schedule.rid, at)
    living = await conn.fetch(sql("living_windows"), tenant, schedule.rid, at)
    change = recut(
        [_window(row) for row in rows if row["origin"] == _CUT],
        [one for one in wanted.windows if one.start > at],
        schedule,
        {row["window_id"] for row in living},
        [_window(row) for row in rows if row["origin"] != _CUT],
    )
    await set_opening(conn, tenant, change.drop, Opening.DROPPED, at=at)
    await set_opening(conn, tenant, change.reopen, Opening.OPEN, at=at)
    await _add(conn, tenant, schedule, change.open, at=at, new_id=new_id)
    return change


async def set_opening(
    conn: Conn, tenant: UUID, windows: Collection[Window], opening: Opening, *, at: datetime
) -> None:
    """Open, close or drop windows."""
    if windows:
        ids = [one.id for one in windows]
        await conn.execute(sql("set_opening"), tenant, ids, opening.value, at)


async def find(conn: Conn, tenant: UUID, ids: Collection[UUID]) -> dict[UUID, Window]:
    """Return the windows of these ids that there are, in order of time."""
    rows = await conn.fetch(sql("find_windows"), tenant, list(ids))
    return {row["id"]: _window(row) for row in rows}


async def free(
    conn: Conn, *, start: datetime, end: datetime, at: datetime, most: int
) -> list[Window]:
    """Return open windows in [start, end) that nothing living stands over, the earliest first."""
    rows = await conn.fetch(sql("free_windows"), start, end, at, most)
    return [_window(row) for row in rows]


async def next_free(
    conn: Conn, *, at: datetime, zone: str, start: datetime | None = None, most: int = _NEXT
) -> tuple[Problem, ...]:
    """Name the next free windows, to stand beside a refusal; their days are not screened yet.

    They begin at `start` or later, None: from now on.
    """
    begin = max(start or at, at)
    found = await free(conn, start=begin, end=begin + _AHEAD, at=at, most=most)
    return tuple(
        Problem(Code.NEXT_FREE, context=f"Slot/{one.id}, {clinic_time(one.start, zone)}")
        for one in found
    )


async def of_span(conn: Conn, tenant: UUID, span: Span, practitioner: str) -> list[Window]:
    """Return the open windows of exactly this time, those of one clinician first."""
    rows = await conn.fetch(sql("windows_at"), tenant, span.start, span.end, practitioner)
    return [_window(row) for row in rows]


async def post(conn: Conn, tenant: UUID, wanted: WantedSlot, *, at: datetime, new_id: UUID) -> bool:
    """Open a single window; False where the clinic has no such Schedule.

    Raises:
        Refused: `schedule-overlap` where another window of the Schedule has that time.
    """
    posted = await conn.fetchval(
        sql("post_window"),
        tenant,
        new_id,
        wanted.schedule,
        wanted.span.start,
        wanted.span.end,
        wanted.opening.value,
        at,
    )
    return posted is not None


async def lock(conn: Conn, tenant: UUID, window: UUID) -> Window:
    """Return a window and keep others from holding it until the commit.

    Raises:
        Refused: `not-found`.
    """
    row = await conn.fetchrow(sql("lock_window"), tenant, window)
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND, context="Slot"))
    return _window(row)


async def in_use(conn: Conn, tenant: UUID, window: UUID) -> bool:
    """Tell whether an Appointment lives on a locked window, or is proposed for it."""
    used: bool = await conn.fetchval(sql("window_in_use"), tenant, window)
    return used


async def change(conn: Conn, tenant: UUID, window: Window, *, at: datetime) -> None:
    """Keep a window's times and opening as they are now.

    Raises:
        Refused: `schedule-overlap` where another window of the Schedule has that time.
    """
    await conn.execute(
        sql("change_window"),
        tenant,
        window.id,
        window.start,
        window.end,
        window.busy_until,
        window.opening.value,
        at,
    )


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A window with its status of the moment, and when the window itself was last written."""

    window: Window
    status: SlotStatus
    updated_at: datetime


async def seen(
    conn: Conn,
    *,
    at: datetime,
    most: int,
    ids: Collection[UUID] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[Seen]:
    """Return windows in order of time with what stands over them at `at`.

    `ids` None is any; `start` and `end` bound [start, end) of their beginning; `after` is the
    beginning and id of the last one of the page before.
    """
    last_start, last_id = after or (None, None)
    wanted = None if ids is None else list(ids)
    rows = await conn.fetch(sql("slot_rows"), wanted, start, end, last_start, last_id, at, most)
    return [
        Seen(window=_window(row), status=_status(row), updated_at=row["updated_at"]) for row in rows
    ]


def _status(row: Record) -> SlotStatus:
    if row["taken"] == "booked":
        return SlotStatus.BOOKED
    if row["taken"] == "held":
        return SlotStatus.HELD
    return SlotStatus.FREE if row["opening"] == Opening.OPEN else SlotStatus.CLOSED


async def hold(
    conn: Conn,
    window: Window,
    case: Case,
    *,
    hold: UUID,
    at: datetime,
    expires: datetime,
    named: bool = True,
) -> bool:
    """Hold a window for a referral until `expires`; False where another holds that time.

    The referral's row must be locked. Expired holds over the window are released on the way. One
    that nobody `named` is passed over while another takes it; for a named one we wait briefly.
    """
    done: bool = await conn.fetchval(
        sql("hold_window"),
        window.id,
        hold,
        case.placer_id,
        case.id,
        case.patient_rid,
        at,
        expires,
        named,
    )
    return done


async def _add(
    conn: Conn,
    tenant: UUID,
    schedule: Schedule,
    spans: Collection[Span],
    *,
    at: datetime,
    new_id: Callable[[], UUID],
) -> None:
    if not spans:
        return
    buffer = timedelta(minutes=schedule.availability.buffer_minutes)
    await conn.execute(
        sql("add_windows"),
        tenant,
        schedule.rid,
        schedule.practitioner,
        schedule.location,
        [new_id() for _ in spans],
        [one.start for one in spans],
        [one.end for one in spans],
        [one.end + buffer for one in spans],
        at,
    )


def _window(row: Record) -> Window:
    return Window(
        id=row["id"],
        schedule=row["schedule_rid"],
        practitioner=row["practitioner"],
        location=row["location"],
        start=row["starts"],
        end=row["ends"],
        busy_until=row["busy_until"],
        opening=Opening(row["opening"]),
    )
