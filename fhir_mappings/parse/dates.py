"""FHIR dates, times and periods as intervals of days (FHIR R4 datatypes: date, dateTime, Period).

A text that is no date yields None: the shape check refuses it at the door, and what came another
way must not look like a day.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime
from typing import Final

from fhir_mappings.model.json import Json, Tree, members, text
from fhir_mappings.model.when import Dated, Days

_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_LAST_MONTH: Final = 12


def dated(value: Json) -> Dated | None:
    """Read a date, dateTime or instant; None for anything else."""
    if not isinstance(value, str):
        return None
    if "T" in value:
        return _moment(value)
    found = _DATE.fullmatch(value)
    days = _days(*found.groups()) if found else None
    return Dated(days=days, words=value) if days else None


def _days(year: str, month: str | None, day: str | None) -> Days | None:
    try:
        if day and month:
            one = date(int(year), int(month), int(day))
            return Days(first=one, last=one)
        first = date(int(year), int(month or 1), 1)
    except ValueError:
        return None
    last_month = first.month if month else _LAST_MONTH
    last = date(first.year, last_month, monthrange(first.year, last_month)[1])
    return Days(first=first, last=last)


def _moment(value: str) -> Dated | None:
    """Cover the day in UTC and the day in the time's own offset."""
    try:
        local = datetime.fromisoformat(value)
        at = local.astimezone(UTC) if local.tzinfo else local.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    own, utc = local.date(), at.date()
    return Dated(days=Days(first=min(own, utc), last=max(own, utc)), words=value, instant=at)


def period(value: Json) -> Dated | None:
    """Read a Period as the days from its start to its end; a missing side is open."""
    tree = members(value)
    start, end = dated(tree.get("start")), dated(tree.get("end"))
    if start is None and end is None:
        return None
    return Dated(
        days=Days(
            first=start.days.first if start else date.min,
            last=end.days.last if end else date.max,
        ),
        words="/".join(text(tree, side) for side in ("start", "end")).strip("/"),
        instant=end.instant if end else None,
    )


def either(tree: Tree, element: str) -> Dated | None:
    """Read `element[x]` where it is a dateTime, an instant or a Period."""
    return (
        dated(tree.get(f"{element}DateTime"))
        or dated(tree.get(f"{element}Instant"))
        or period(tree.get(f"{element}Period"))
    )


def earliest(*found: Dated | None) -> Dated | None:
    """Return the first of these that is there, in the order given."""
    return next((one for one in found if one), None)
