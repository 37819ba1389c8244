"""Weekly hours minus absences → windows; what a new cut does to those that stand.

Source: PROTOCOL §6 "Slots"; SECURITY F36 (days on which the clock changes).
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from fhir_mappings.model.window import Availability, Days, Hours, Opening, Schedule, Span, Window


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """The windows of an availability, and the wall-clock starts that no clock will show.

    `unreal` are local times without zone: the clock jumps over them, or jumps during the visit.
    """

    windows: tuple[Span, ...]
    unreal: tuple[datetime, ...]


class Recut(msgspec.Struct, frozen=True, kw_only=True):
    """What a new cut does: ids to reopen and drop, spans to open, windows a person must see."""

    keep: tuple[Window, ...]
    reopen: tuple[Window, ...]
    open: tuple[Span, ...]
    drop: tuple[Window, ...]
    listed: tuple[Window, ...]


def cut(availability: Availability) -> Cut:
    """Cut windows `visit_minutes` long and `buffer_minutes` apart, in order of time.

    A visit ends within its block of hours; the buffer after it may reach beyond. A window that
    touches an absence or closure is left out. On days when the clock changes a window keeps its
    wall-clock time and its length: one whose start does not exist, or during which the clock
    jumps, is not cut; of a start that comes twice the first is taken that leaves the visit whole.
    """
    zone = ZoneInfo(availability.zone)
    closed = [_span(one, availability.zone) for one in availability.closed]
    windows: list[Span] = []
    unreal: list[datetime] = []
    for start in _starts(availability):
        span = _real(start, timedelta(minutes=availability.visit_minutes), zone)
        if span is None:
            unreal.append(start)
        elif not any(span.overlaps(one) for one in closed):
            windows.append(span)
    return Cut(windows=tuple(windows), unreal=tuple(unreal))


def recut(
    standing: Sequence[Window],
    wanted: Sequence[Span],
    schedule: Schedule,
    living: Collection[UUID],
    posted: Sequence[Window] = (),
) -> Recut:
    """Say how the future windows of one schedule become those of a new cut.

    A window of the same time, buffer, clinician and room keeps its id. One that no longer fits is
    dropped, but where something lives on it (`living`) it is listed and stays, and nothing is
    opened across it. A window that a person closed stays closed while it fits; `posted` ones that
    a person opened singly are left as they are, and nothing is opened across them.
    """
    wanted_spans = set(wanted)
    fits = [one for one in standing if one.span in wanted_spans and _of(one, schedule)]
    kept = {one.id for one in fits}
    others = [one for one in standing if one.id not in kept and one.opening is not Opening.DROPPED]
    listed = tuple(one for one in others if one.id in living)
    stay = (*listed, *(one for one in posted if one.opening is not Opening.DROPPED))
    known = {one.span for one in fits}
    return Recut(
        keep=tuple(one for one in fits if one.opening != Opening.DROPPED),
        reopen=tuple(
            one for one in fits if one.opening == Opening.DROPPED and not _across(one.span, stay)
        ),
        open=tuple(one for one in wanted if one not in known and not _across(one, stay)),
        drop=tuple(one for one in others if one.id not in living),
        listed=listed,
    )


def day_span(first: date, last: date, zone: str) -> Span:
    """Return the time from the first instant of a local day to the last of another."""
    return Span(
        start=_day_start(first, ZoneInfo(zone)),
        end=_day_start(last + timedelta(days=1), ZoneInfo(zone)),
    )


def local(instant: datetime, zone: str) -> datetime:
    """Say an instant by the clinic's clock."""
    return instant.astimezone(ZoneInfo(zone))


def _span(closed: Span | Days, zone: str) -> Span:
    return closed if isinstance(closed, Span) else day_span(closed.first, closed.last, zone)


def _of(window: Window, schedule: Schedule) -> bool:
    buffer = timedelta(minutes=schedule.availability.buffer_minutes)
    return (window.practitioner, window.location, window.busy_until) == (
        schedule.practitioner,
        schedule.location,
        window.end + buffer,
    )


def _across(span: Span, windows: Sequence[Window]) -> bool:
    return any(span.overlaps(one.span) for one in windows)


def _starts(availability: Availability) -> Iterator[datetime]:
    days = (availability.last - availability.first).days + 1
    for offset in range(max(days, 0)):
        day = availability.first + timedelta(days=offset)
        hours = [one for one in availability.hours if day.weekday() in one.weekdays]
        yield from _starts_of_day(day, sorted(hours, key=lambda one: one.opens), availability)


def _starts_of_day(
    day: date, hours: Sequence[Hours], availability: Availability
) -> Iterator[datetime]:
    visit = timedelta(minutes=availability.visit_minutes)
    buffer = timedelta(minutes=availability.buffer_minutes)
    midnight = datetime.combine(day, time())  # by the wall clock; the zone comes in _real
    free_from = timedelta()
    for block in hours:
        at = max(block.opens, free_from)
        while at + visit <= block.closes:
            yield midnight + at
            at += visit + buffer
            free_from = at


def _real(start: datetime, length: timedelta, zone: ZoneInfo) -> Span | None:
    """Find the instants of a wall-clock start whose clock runs evenly through the visit."""
    for fold in (0, 1):
        begins = start.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        ends = begins + length
        if _clock(begins, zone) == start and _clock(ends, zone) == start + length:
            return Span(start=begins, end=ends)
    return None


def _clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _day_start(day: date, zone: ZoneInfo) -> datetime:
    # Where the clock jumps over midnight, fold 0 is the instant of the jump: the day's first.
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
