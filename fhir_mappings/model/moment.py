"""A moment as FHIR writes it, and as a person of the clinic reads it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def instant(at: datetime) -> str:
    """Write a moment as a FHIR instant in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clinic_time(at: datetime, zone: str) -> str:
    """Write a moment in the clinic's local time, the zone named: `09:30 on 3 December 2026`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%H:%M} on {local.day} {local:%B %Y}, clinic time ({zone})"
