"""When a clinic can see a patient: weekly hours in its zone, and the windows cut from them.

Instants are aware UTC; hours are wall-clock time of the clinic's IANA zone.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec


class Span(msgspec.Struct, frozen=True, kw_only=True, order=True, tag="span"):
    """A half-open stretch of time [start, end) between two UTC instants."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Span") -> bool:
        """Tell whether both hold a common instant."""
        return self.start < other.end and other.start < self.end


class Days(msgspec.Struct, frozen=True, kw_only=True, tag="days"):
    """Whole days of the clinic's zone, both included: how FHIR writes an absence by date."""

    first: date
    last: date


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """One block of weekly hours, by the wall clock of the clinic.

    `weekdays` as `date.weekday()` counts them (0 is Monday); `opens` and `closes` since local
    midnight, at most 24 h.
    """

    weekdays: frozenset[int]
    opens: timedelta
    closes: timedelta


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """What windows are cut from: one Schedule with its role, room and service.

    `first` and `last` are days of `zone`, both included. `closed` are absences and closures.
    """

    zone: str
    first: date
    last: date
    visit_minutes: int
    buffer_minutes: int
    hours: tuple[Hours, ...]
    closed: tuple[Span | Days, ...]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One Schedule of the clinic: whose time, which room, and when.

    Ids are those of the clinic's own space. `active` is false where the Schedule, its role,
    room or service is not: then nothing is cut. `words` says the service to a reader.
    """

    rid: str
    practitioner: str
    location: str
    service: str
    words: str
    active: bool
    availability: Availability


class Opening(StrEnum):
    """Whether a window is on offer: what people and the cut say, not what lives on it."""

    OPEN = "open"
    CLOSED = "closed"  # by a person; a new cut leaves it so
    DROPPED = "dropped"  # no cut wants it any more; its id stays


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One stored window, which is one Slot with its id for life.

    `busy_until` is its end and the buffer after it: until then clinician and room are taken.
    """

    id: UUID
    schedule: str
    practitioner: str
    location: str
    start: datetime
    end: datetime
    busy_until: datetime
    opening: Opening

    @property
    def span(self) -> Span:
        """Return its time without the buffer."""
        return Span(start=self.start, end=self.end)


class WantedSlot(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of one window: on which Schedule, when, and whether it is on offer."""

    schedule: str
    span: Span
    opening: Opening


class SlotStatus(StrEnum):
    """What a read of a Slot says, worked out each time (PROTOCOL §6)."""

    FREE = "free"
    HELD = "busy-tentative"
    BOOKED = "busy"
    CLOSED = "busy-unavailable"
