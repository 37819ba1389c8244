"""(attempt, answer) → when again, or never.

Source: SECURITY L18 (least(15 min, 2 s · 2^n), full jitter, give up at a time and not at a
count), F19 (Retry-After clamped between a second and an hour).
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from fhir_mappings.model.writeback import PersonReason

FIRST: Final = timedelta(seconds=2)  # L18
MOST: Final = timedelta(minutes=15)  # L18
RETRY_AFTER_LEAST: Final = timedelta(seconds=1)  # F19
RETRY_AFTER_MOST: Final = timedelta(hours=1)  # F19
_DIGITS_READ: Final = 6
"""A million seconds is past the clamp already."""
_DOUBLINGS_MOST: Final = 32
"""2 s · 2^32 is far past any cap; an attempt count from a row must not build a huge number."""


def back_off(
    attempts: int, chance: float, *, first: timedelta = FIRST, most: timedelta = MOST
) -> timedelta:
    """Say how long to wait after `attempts` failed ones (1 or more).

    `chance` is a random number in [0, 1): full jitter spreads the placers' herd, and the core
    stays without randomness.
    """
    doublings = min(max(attempts, 0), _DOUBLINGS_MOST)
    return min(most, first * float(1 << doublings)) * chance


def told_to_wait(retry_after: str, now: datetime) -> timedelta | None:
    """Read a Retry-After header: seconds or an HTTP date, clamped; None when unreadable.

    Source: RFC 9110 §10.2.3.
    """
    asked = _seconds(retry_after.strip())
    if asked is None:
        asked = _date(retry_after, now)
    if asked is None:
        return None
    return min(max(asked, RETRY_AFTER_LEAST), RETRY_AFTER_MOST)


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """A job runs again at this moment."""

    run_at: datetime


class ToPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A job waits for a person; `code` says why, from a closed set."""

    code: str


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long one job is tried: its attempts so far, and the random part of its next wait.

    `first` and `most` are those of L18; `chance` is in [0, 1).
    """

    attempts: int
    give_up_at: datetime
    chance: float
    first: timedelta = FIRST
    most: timedelta = MOST


def try_again(patience: Patience, now: datetime, *, least: timedelta) -> Again | ToPerson:
    """Say when a job runs again, at least `least` from now, or that its time is over.

    The last try stands at the end itself: a wait that reaches past it is cut, so that a job gets
    the whole time it was promised.
    """
    if now >= patience.give_up_at:
        return ToPerson(code=PersonReason.GAVE_UP.value)
    wait = back_off(patience.attempts, patience.chance, first=patience.first, most=patience.most)
    return Again(run_at=min(now + max(wait, least), patience.give_up_at))


def _seconds(text: str) -> timedelta | None:
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) > _DIGITS_READ:
        return RETRY_AFTER_MOST  # an absurd number is the clamp's case, not an overflow
    return timedelta(seconds=int(text))


def _date(text: str, now: datetime) -> timedelta | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
