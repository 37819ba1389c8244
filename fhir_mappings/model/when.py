"""Days as FHIR tells them: never sharper than the text, so every date is an interval."""

from datetime import date, datetime, timedelta

import msgspec


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """The days that a date may mean, both ends included.

    "2026" is the whole year, "2026-11" the whole month; a time covers its day in UTC and its day
    in its own offset. `last` is `date.max` where an end is open.

    Source: FHIR R4 `dateTime`, precision; rules.md of the content pack, Time.
    """

    first: date
    last: date


class Dated(msgspec.Struct, frozen=True, kw_only=True):
    """A date as it stands in a resource, with the days it may mean.

    `words` is the resource's own text. `instant` is the moment in UTC where a time was given.
    """

    days: Days
    words: str
    instant: datetime | None = None


def later(day: date, days: int) -> date:
    """Return the day so many days later, or earlier when negative, inside the calendar."""
    if day == date.max:
        return day
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min
