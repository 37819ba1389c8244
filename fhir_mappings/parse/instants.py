"""FHIR dates and times as half-open intervals of UTC instants, for comparing and searching.

A partial date is the interval it can mean; one without a zone is UTC: what a clinic's day means in
its own zone is not a question of searching. Source: FHIR R4 search.html §3.1.1.4.7; PROTOCOL §9.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from fhir_mappings.model.json import Json, Tree, items, members, text

START_OF_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
END_OF_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)

_FORM: Final = re.compile(
    r"(?P<year>[0-9]{4})(-(?P<month>[0-9]{2})(-(?P<day>[0-9]{2})"
    r"(T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(?P<part>\.[0-9]{1,12})?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_MINUTES_OF_OFFSET: Final = 14 * 60


def interval(value: str) -> tuple[datetime, datetime] | None:
    """Return the interval that a date, dateTime or instant means; None where it is none.

    A leap second is the second before it, which holds it as well as any.
    """
    match = _FORM.fullmatch(value)
    if match is None:
        return None
    part = match.groupdict()
    try:
        start = datetime(
            int(part["year"]),
            int(part["month"] or 1),
            int(part["day"] or 1),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            min(int(part["second"] or 0), 59),
            int(f"{part['part'] or '.'}000000"[1:7]),
            tzinfo=UTC,
        )
        start -= _offset(part["zone"])
        return start, _end(start, part)
    except (ValueError, OverflowError):
        return None


def _offset(zone: str | None) -> timedelta:
    if zone in {None, "Z"} or zone is None:
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    if minutes > _MINUTES_OF_OFFSET:
        raise ValueError("offset")
    return timedelta(minutes=-minutes if zone.startswith("-") else minutes)


def _end(start: datetime, part: dict[str, str | None]) -> datetime:
    if part["month"] is None:
        return _capped(start.year + 1, 1)
    if part["day"] is None:
        return _capped(start.year + start.month // 12, start.month % 12 + 1)
    if part["hour"] is None:
        return start + timedelta(days=1)
    if part["second"] is None:
        return start + timedelta(minutes=1)
    return start + (timedelta(microseconds=1) if part["part"] else timedelta(seconds=1))


def _capped(year: int, month: int) -> datetime:
    return END_OF_TIME if year > END_OF_TIME.year else datetime(year, month, 1, tzinfo=UTC)


def hull(value: Json) -> tuple[datetime, datetime] | None:
    """Return the interval of a dateTime, Period or Timing; an open end has no end."""
    if isinstance(value, str):
        return interval(value)
    tree = members(value)
    if "start" in tree or "end" in tree:
        return _period(tree)
    bounds = members(members(tree.get("repeat")).get("boundsPeriod"))
    if bounds:
        return _period(bounds)
    events = [interval(one) for one in items(tree.get("event")) if isinstance(one, str)]
    known = [one for one in events if one]
    if not known:
        return None
    return min(start for start, _ in known), max(end for _, end in known)


def _period(tree: Tree) -> tuple[datetime, datetime] | None:
    start, end = interval(text(tree, "start")), interval(text(tree, "end"))
    if start is None and end is None:
        return None
    return (start[0] if start else START_OF_TIME), (end[1] if end else END_OF_TIME)
