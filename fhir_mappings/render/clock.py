"""How an Appointment writes its times: to the second for programs, by the clinic's clock for us.

`model.moment` writes what is stamped by our own clock, to the millisecond.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def until_words(at: datetime, zone: str) -> str:
    """Say a moment as "28 November, 12:00 clinic time"."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B}, {local:%H:%M} clinic time"


def instant_text(at: datetime) -> str:
    """Write a moment as a FHIR instant in UTC, with milliseconds only where there are any."""
    spec = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")
