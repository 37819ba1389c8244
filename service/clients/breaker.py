"""Which placers are left alone for now: a dead one must not take the workers' time.

A breaker belongs to one process and one placer. After some failed calls in a row it opens and
the placer's jobs are not claimed; when its time is over, one job is let through, and what comes
of it closes or opens it again. It decides nothing about a delivery: jobs keep their own times.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

FAILURES: Final = 3
"""Failed calls in a row that open it: one lost packet does not, an outage does at once."""
OPEN_FIRST: Final = timedelta(seconds=5)
OPEN_MOST: Final = timedelta(minutes=1)
STOPPED: Final = timedelta(minutes=5)
"""After a 401 or 403: an operator must act; until then one call in five minutes asks (F20)."""


_NO_PAUSE: Final = timedelta(0)


class Health(StrEnum):
    """What a delivery showed of its placer's server, whatever became of the delivery."""

    WORKED = "worked"
    FAILED = "failed"
    DENIED = "denied"


class _State(msgspec.Struct):
    failures: int = 0
    until: datetime | None = None


class Breaker:
    """The breakers of one process, by placer."""

    def __init__(self) -> None:
        self._states: dict[UUID, _State] = {}

    def closed_to(self, now: datetime) -> tuple[UUID, ...]:
        """Name the placers whose jobs are not to be claimed now."""
        return tuple(
            placer for placer, state in self._states.items() if state.until and now < state.until
        )

    def note(
        self, placer: UUID, health: Health, now: datetime, *, pause: timedelta = _NO_PAUSE
    ) -> None:
        """Learn from one delivery; `pause` is how long the server asked to be left alone."""
        match health:
            case Health.WORKED:
                self._states.pop(placer, None)
            case Health.FAILED:
                self._failed(placer, now, pause)
            case Health.DENIED:
                state = self._states.setdefault(placer, _State())
                state.until = now + STOPPED

    def _failed(self, placer: UUID, now: datetime, pause: timedelta) -> None:
        state = self._states.setdefault(placer, _State())
        state.failures += 1
        wait = pause  # a server that names a time is left alone for it, at its first word (F19)
        if state.failures >= FAILURES:
            doubled = OPEN_FIRST * float(1 << min(state.failures - FAILURES, 10))
            wait = max(wait, min(OPEN_MOST, doubled))
        if wait:
            state.until = now + wait
