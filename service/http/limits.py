"""How fast one caller may ask: a token bucket per client or person (SECURITY L11)."""

import math
from collections.abc import Callable
from typing import Final
from uuid import UUID

from fhir_mappings.model.caller import Caller
from service.http.problems import Fault, Turned

BUCKETS_MOST: Final = 10_000


class Budgets:
    """What is left for each caller; per process, so n processes allow n times the rate."""

    def __init__(self, per_second: float, burst: int, seconds: Callable[[], float]) -> None:
        """Start with full buckets; `seconds` is a clock that never goes back."""
        self._per_second = per_second
        self._burst = burst
        self._seconds = seconds
        self._left: dict[tuple[UUID, UUID | None], tuple[float, float]] = {}

    def spend(self, caller: Caller) -> None:
        """Take one request from the caller's bucket.

        A caller with a rate of its own (a setting of the placer or person, in requests per
        second) keeps the default's relation of burst to rate.

        Raises:
            Turned: 429 with Retry-After in whole seconds.
        """
        rate = float(caller.rate) or self._per_second
        burst = self._burst * rate / self._per_second
        key = (caller.tenant, caller.placer or caller.person)
        now = self._seconds()
        left, then = self._left.get(key, (burst, now))
        left = min(burst, left + (now - then) * rate)
        if left < 1:
            self._left[key] = (left, now)
            wait = max(1, math.ceil((1 - left) / rate))
            raise Turned(Fault.PACE, {"retry-after": str(wait)})
        if len(self._left) >= BUCKETS_MOST:
            self._left.clear()
        self._left[key] = (left - 1, now)
