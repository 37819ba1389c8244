"""Times in words for a reader: by the clinic's clock, the zone named (UX §1.3)."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def local_words(instant: datetime, zone: str) -> str:
    """Say an instant as "09:30 on 3 December 2026, clinic time (America/New_York)"."""
    there = instant.astimezone(ZoneInfo(zone))
    month = _MONTHS[there.month - 1]
    return f"{there:%H:%M} on {there.day} {month} {there.year}, clinic time ({zone})"


def until_words(instant: datetime, zone: str) -> str:
    """Say an instant as "28 November, 12:00 clinic time"."""
    there = instant.astimezone(ZoneInfo(zone))
    return f"{there.day} {_MONTHS[there.month - 1]}, {there:%H:%M} clinic time"


def instant_text(at: datetime) -> str:
    """Write an instant as FHIR does, in UTC, with milliseconds only where there are any."""
    spec = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")
