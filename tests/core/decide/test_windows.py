"""Weekly hours become windows by the clinic's clock, on every day of the year."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import pytest

from fhir_mappings.decide import windows
from fhir_mappings.model.window import (
    Availability,
    Days,
    Hours,
    Opening,
    Schedule,
    Span,
    Window,
)
from fhir_mappings.parse.clinic import clinic

CLINIC = Path("tests/data/payloads/examples/18-clinic.json")
ALL_WEEK = frozenset(range(7))
ZONES = (
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Asia/Kolkata",
)


def an_availability(**changes: object) -> Availability:
    standing: dict[str, object] = {
        "zone": "America/New_York",
        "first": date(2026, 12, 1),
        "last": date(2026, 12, 7),
        "visit_minutes": 30,
        "buffer_minutes": 10,
        "hours": (Hours(weekdays=ALL_WEEK, opens=timedelta(hours=9), closes=timedelta(hours=12)),),
        "closed": (),
    }
    return Availability(**(standing | changes))  # type: ignore[arg-type] # a builder's keywords


def a_window(start: datetime, number: int = 1, opening: Opening = Opening.OPEN) -> Window:
    return Window(
        id=UUID(int=number),
        schedule="s",
        practitioner="p",
        location="l",
        start=start,
        end=start + timedelta(minutes=30),
        busy_until=start + timedelta(minutes=40),
        opening=opening,
    )


def a_schedule(practitioner: str = "p") -> Schedule:
    return Schedule(
        rid="s",
        practitioner=practitioner,
        location="l",
        service="h",
        words="The service",
        active=True,
        availability=an_availability(),
    )


def a_span(start: datetime) -> Span:
    return Span(start=start, end=start + timedelta(minutes=30))


def clocks(spans: tuple[Span, ...], zone: str) -> list[str]:
    return [windows.local(one.start, zone).strftime("%H:%M") for one in spans]


def of_day(spans: tuple[Span, ...], day: date, zone: str) -> tuple[Span, ...]:
    return tuple(one for one in spans if windows.local(one.start, zone).date() == day)


def test_the_clinic_of_example_18_has_the_windows_its_index_names() -> None:
    read = clinic(json.loads(CLINIC.read_text()))
    morning = ["09:30", "10:10", "10:50", "11:30"]
    afternoon = ["13:00", "13:40", "14:20", "15:00", "15:40"]
    expected = {1: morning, 3: morning + afternoon, 4: morning + afternoon}
    away = {date(2026, 12, 10), date(2026, 12, 11)} | {
        date(2026, 12, 24) + timedelta(days=n) for n in range(11)
    }

    cut = windows.cut(read.schedules[0].availability)

    for offset in range((date(2027, 2, 28) - date(2026, 12, 1)).days + 1):
        day = date(2026, 12, 1) + timedelta(days=offset)
        wanted = [] if day in away else expected.get(day.weekday(), [])
        assert clocks(of_day(cut.windows, day, "America/New_York"), "America/New_York") == wanted
    assert not cut.unreal


def test_a_visit_ends_within_its_hours_and_the_next_block_waits_for_the_buffer() -> None:
    hours = (
        Hours(weekdays=ALL_WEEK, opens=timedelta(hours=9), closes=timedelta(hours=10)),
        Hours(weekdays=ALL_WEEK, opens=timedelta(hours=9), closes=timedelta(hours=11)),
    )

    cut = windows.cut(an_availability(last=date(2026, 12, 1), hours=hours))

    assert clocks(cut.windows, "America/New_York") == ["09:00", "09:40", "10:20"]


def test_windows_that_touch_an_absence_are_left_out() -> None:
    absence = Span(
        start=datetime(2026, 12, 1, 14, 29, tzinfo=UTC),  # 09:29 in New York
        end=datetime(2026, 12, 1, 15, 20, tzinfo=UTC),  # 10:20
    )

    cut = windows.cut(an_availability(last=date(2026, 12, 1), closed=(absence,)))

    assert clocks(cut.windows, "America/New_York") == ["10:20", "11:00"]


def test_an_absence_by_days_includes_its_last_day() -> None:
    closed = Days(first=date(2026, 12, 2), last=date(2026, 12, 6))

    cut = windows.cut(an_availability(closed=(closed,)))

    days = {windows.local(one.start, "America/New_York").day for one in cut.windows}
    assert days == {1, 7}


def test_a_start_that_the_clock_jumps_over_is_named_and_not_cut() -> None:
    day = date(2027, 3, 14)  # 02:00 becomes 03:00
    hours = (Hours(weekdays=ALL_WEEK, opens=timedelta(hours=1), closes=timedelta(hours=4)),)

    cut = windows.cut(an_availability(first=day, last=day, hours=hours))

    assert clocks(cut.windows, "America/New_York") == ["01:00", "03:00"]
    assert [one.strftime("%H:%M") for one in cut.unreal] == ["01:40", "02:20"]


def test_a_start_that_comes_twice_is_cut_once_and_whole() -> None:
    day = date(2026, 11, 1)  # 02:00 becomes 01:00
    hours = (Hours(weekdays=ALL_WEEK, opens=timedelta(hours=1), closes=timedelta(hours=3)),)

    cut = windows.cut(an_availability(first=day, last=day, hours=hours))

    assert [one.start.isoformat() for one in cut.windows] == [
        "2026-11-01T05:00:00+00:00",  # 01:00, the first time
        "2026-11-01T06:40:00+00:00",  # 01:40, the second time: the first would end at 01:10
        "2026-11-01T07:20:00+00:00",
    ]


def test_a_day_that_the_calendar_skipped_has_no_windows() -> None:
    day = date(2011, 12, 30)  # Apia crossed the date line: this day did not happen

    cut = windows.cut(an_availability(zone="Pacific/Apia", first=day, last=day))

    assert cut.windows == ()
    assert len(cut.unreal) == 4


@pytest.mark.parametrize("zone", ZONES)
def test_on_every_day_of_six_years_windows_keep_clock_length_and_order(zone: str) -> None:
    hours = (Hours(weekdays=ALL_WEEK, opens=timedelta(), closes=timedelta(days=1)),)
    span = {"first": date(2025, 1, 1), "last": date(2030, 12, 31)}

    cut = windows.cut(an_availability(zone=zone, hours=hours, visit_minutes=110, **span))

    days = (span["last"] - span["first"]).days + 1
    assert len(cut.windows) + len(cut.unreal) == days * 12
    assert len(cut.unreal) <= 6 * 3  # at most three a year: the jump, and what it cuts across
    for one in cut.windows:
        assert one.end - one.start == timedelta(minutes=110)
        assert windows.local(one.start, zone).minute == 0
        assert windows.local(one.start, zone).hour % 2 == 0
    starts = [one.start for one in cut.windows]
    assert all(later - earlier >= timedelta(minutes=110) for earlier, later in pairwise(starts))


def changes(zone: str) -> list[date]:
    """The local days of 2025 to 2030 during which the clock of a zone changes."""
    clock = ZoneInfo(zone)
    noons = [datetime(2025, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(6 * 366)]
    offsets = [noon.astimezone(clock).utcoffset() for noon in noons]
    found = {place for place, pair in enumerate(pairwise(offsets)) if pair[0] != pair[1]}
    return sorted({noons[place + n].astimezone(clock).date() for place in found for n in (0, 1)})


def test_in_every_zone_windows_keep_clock_length_and_order_when_the_clock_changes() -> None:
    hours = (Hours(weekdays=ALL_WEEK, opens=timedelta(), closes=timedelta(days=1)),)
    days = {zone: changes(zone) for zone in sorted(available_timezones())}

    cuts = {
        (zone, day): windows.cut(
            an_availability(zone=zone, first=day, last=day, hours=hours, buffer_minutes=30)
        )
        for zone, some in days.items()
        for day in some
    }

    assert len(days) > 400
    assert sum(bool(cut.unreal) for cut in cuts.values()) > 1_000
    for (zone, _), cut in cuts.items():
        real = [windows.local(one.start, zone) for one in cut.windows]
        assert len(real) + len(cut.unreal) == 24
        assert all(one.minute == 0 for one in real)
        assert len({one.hour for one in real}) == len(real)
        assert all(one.end - one.start == timedelta(minutes=30) for one in cut.windows)
        assert all(not a.overlaps(b) and a < b for a, b in pairwise(cut.windows))


def test_a_day_begins_at_the_first_instant_its_clock_shows() -> None:
    jump = windows.day_span(date(2026, 9, 6), date(2026, 9, 6), "America/Santiago")

    assert jump.end - jump.start == timedelta(hours=23)
    assert jump.start.astimezone(ZoneInfo("America/Santiago")).hour == 1


def test_the_same_cut_again_keeps_every_window() -> None:
    starts = [datetime(2026, 12, 1, hour, tzinfo=UTC) for hour in (14, 15, 16)]
    standing = [a_window(start, number) for number, start in enumerate(starts)]

    change = windows.recut(
        standing, [a_span(start) for start in starts], a_schedule(), living=set()
    )

    assert change.keep == tuple(standing)
    assert (change.open, change.drop, change.reopen, change.listed) == ((), (), (), ())


def test_a_window_that_no_longer_fits_is_dropped_and_a_new_one_opened() -> None:
    old = a_window(datetime(2026, 12, 1, 14, tzinfo=UTC))
    new = a_span(datetime(2026, 12, 1, 15, tzinfo=UTC))

    change = windows.recut([old], [new], a_schedule(), living=set())

    assert change.drop == (old,)
    assert change.open == (new,)


def test_a_window_with_a_living_appointment_is_listed_and_nothing_opens_across_it() -> None:
    booked = a_window(datetime(2026, 12, 1, 14, tzinfo=UTC))
    across = a_span(datetime(2026, 12, 1, 14, 20, tzinfo=UTC))
    beside = a_span(datetime(2026, 12, 1, 15, tzinfo=UTC))

    change = windows.recut([booked], [across, beside], a_schedule(), living={booked.id})

    assert change.listed == (booked,)
    assert change.drop == ()
    assert change.open == (beside,)


def test_a_dropped_window_that_fits_again_comes_back_under_its_id() -> None:
    start = datetime(2026, 12, 1, 14, tzinfo=UTC)
    dropped = a_window(start, opening=Opening.DROPPED)

    change = windows.recut([dropped], [a_span(start)], a_schedule(), living=set())

    assert change.reopen == (dropped,)
    assert change.open == ()


def test_a_window_that_a_person_closed_stays_closed_while_it_fits() -> None:
    start = datetime(2026, 12, 1, 14, tzinfo=UTC)
    closed = a_window(start, opening=Opening.CLOSED)

    change = windows.recut([closed], [a_span(start)], a_schedule(), living=set())

    assert change.keep == (closed,)
    assert change.reopen == ()


def test_a_window_of_another_clinician_is_replaced_at_the_same_time() -> None:
    start = datetime(2026, 12, 1, 14, tzinfo=UTC)
    theirs = a_window(start)

    change = windows.recut([theirs], [a_span(start)], a_schedule("q"), living=set())

    assert change.drop == (theirs,)
    assert change.open == (a_span(start),)
