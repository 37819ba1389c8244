"""Which placers are left alone for now: a dead one must not take the workers' time.

A breaker belongs to one process and one placer. After some failed calls in a row it opens and
the placer's jobs are not claimed; when its time is over, one job is let through, and what comes
of it closes or opens it again. It decides nothing about a delivery: jobs keep their own times.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

FAILURES: Final = 3
"""Failed calls in a row that open it: one lost packet does not, an outage does at once."""
OPEN_FIRST: Final = timedelta(seconds=5)
OPEN_MOST: Final = timedelta(minutes=1)
STOPPED: Final = timedelta(minutes=5)
"""After a 401 or 403: an operator must act; until then one call in five minutes asks (F20)."""


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

    def worked(self, placer: UUID) -> None:
        """Note that a placer answered: it is there, whatever it said."""
        self._states.pop(placer, None)

    def failed(self, placer: UUID, now: datetime) -> None:
        """Note a call without an answer, or one with a server's fault."""
        state = self._states.setdefault(placer, _State())
        state.failures += 1
        if state.failures >= FAILURES:
            doubled = OPEN_FIRST * float(1 << min(state.failures - FAILURES, 10))
            state.until = now + min(OPEN_MOST, doubled)

    def stop(self, placer: UUID, now: datetime) -> None:
        """Leave a placer alone that does not let us in; its jobs keep."""
        state = self._states.setdefault(placer, _State())
        state.failures += 1
        state.until = now + STOPPED
