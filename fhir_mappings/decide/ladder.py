"""What to do next with one visit's record at the placer: search, send, read back, wait, a person.

`Progress` is what is known, `next_step` the one decision; the flow takes the step and asks
again. Two rules stand above all others: nothing is sent before a search, and nothing is sent
again while a server says that it has it.

Sources: PROTOCOL §6 (Ladder, Never two, Proof), SECURITY F20 to F27.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from fhir_mappings.decide.retry import told_to_wait
from fhir_mappings.model.writeback import Away, PersonReason, Reply, Verdict, Way

SEARCH_CACHE: Final = timedelta(seconds=65)
"""HAPI answers a search from results up to a minute old (INTEROP §3): a resend waits longer."""
READ_AGAIN_MOST: Final = timedelta(minutes=10)
"""How long what a server says it has may stay unreadable before a person looks (F22)."""

_WHOLE_REFUSED: Final = frozenset({400, 404, 405, 413, 422, 501})
_BY_STATUS: Final[Mapping[int, Verdict]] = MappingProxyType(
    {
        401: Verdict.DENIED,
        403: Verdict.DENIED,
        404: Verdict.ABSENT,
        408: Verdict.LATER,
        409: Verdict.CONFLICT,
        410: Verdict.ABSENT,
        412: Verdict.CONFLICT,
        425: Verdict.LATER,
        429: Verdict.LATER,
        501: Verdict.REFUSED,
    }
)
_BY_CLASS: Final[Mapping[int, Verdict]] = MappingProxyType(
    {2: Verdict.DONE, 4: Verdict.REFUSED, 5: Verdict.UNKNOWN}
)


class Reading(StrEnum):
    """What reading one claimed resource back showed."""

    EQUAL = "equal"
    DIFFERS = "differs"
    ABSENT = "absent"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one visit on rung 1, in this run and from earlier ones.

    `wanted` are our identifier values, the Procedure's first. `claimed`, `sent_at`, `claimed_at`
    as in `WriteBack`; a claim without a reference says that the server has it and not where.
    `searched`: this run has looked for all that has no reference; `honest`: that search can be
    trusted; `twins`: it found two of ours. `last` is the verdict on this run's last call that
    did not give what it was made for, None when it did; `pause` is how long its server asked to
    be left alone.
    """

    wanted: tuple[str, ...]
    way: Way
    claimed: dict[str, str]
    sent_at: datetime | None
    claimed_at: datetime | None
    searched: bool = False
    honest: bool = True
    twins: bool = False
    conflicts: int = 0
    last: Verdict | None = None
    pause: timedelta = timedelta(0)
    read: dict[str, Reading] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """Name what the placer has not said it has."""
        return tuple(value for value in self.wanted if value not in self.claimed)

    @property
    def unplaced(self) -> tuple[str, ...]:
        """Name what the placer says it has, of which we do not know where it stands."""
        return tuple(value for value in self.wanted if self.claimed.get(value) == "")

    @property
    def unread(self) -> tuple[str, ...]:
        """Name what was not read back in this run."""
        return tuple(value for value in self.wanted if value not in self.read)


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Look for these by identifier."""

    values: tuple[str, ...]


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Send these: all in one transaction, or the one by itself."""

    way: Way
    values: tuple[str, ...]


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """Read this one where the placer says it stands, and compare."""

    value: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Try again later, not sooner than `least`."""

    least: timedelta = timedelta(0)


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """The placer does not let us in: leave it alone until an operator acts."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person has to look."""

    reason: PersonReason


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """Everything stands there and is equal."""


Step: TypeAlias = Search | Send | ReadBack | Wait | Stop | Person | Proven


def verdict(reply: Reply, *, not_supported: bool = False, sending: bool = False) -> Verdict:
    """Say what an answer means.

    A redirect is a fault: it is never followed (F17). A server's fault after a send leaves the
    outcome open: a gateway's 502 says nothing about what stands behind it. `not_supported`: the
    body said so, whatever the status.
    """
    if isinstance(reply, Away):
        return Verdict.UNKNOWN if reply.reached and sending else Verdict.LATER
    if not_supported:
        return Verdict.REFUSED
    said = _BY_STATUS.get(reply.status) or _BY_CLASS.get(reply.status // 100, Verdict.LATER)
    return Verdict.LATER if said is Verdict.UNKNOWN and not sending else said


def pause(reply: Reply, now: datetime) -> timedelta:
    """Read how long a server asks to be left alone; nothing where it does not say."""
    asked = None if isinstance(reply, Away) else told_to_wait(reply.retry_after, now)
    return asked or timedelta(0)


def next_step(known: Progress, now: datetime) -> Step:
    """Decide the next step; the same knowledge always gives the same step."""
    if known.last is not None:
        blocked = _after(known, known.last)
        if blocked is not None:
            return blocked
    sought = (*known.missing, *known.unplaced)
    if sought and not known.searched:
        return Search(values=sought)
    if known.unplaced:
        return _absent(known, now)
    return _send(known, now) if known.missing else _prove(known, now)


def _after(known: Progress, last: Verdict) -> Step | None:
    """Say what a call that did not give what it was made for allows; None: go on."""
    match last:
        case Verdict.DENIED:
            return Stop()
        case Verdict.LATER:
            return Wait(least=known.pause)
        case Verdict.UNKNOWN:
            return Wait(least=max(SEARCH_CACHE, known.pause))
        case Verdict.CONFLICT if known.conflicts > 1:
            return Wait(least=SEARCH_CACHE)  # it says there is one, and its search does not know
        case Verdict.REFUSED | Verdict.ABSENT:
            return Person(reason=PersonReason.REFUSED)
        case Verdict.CONFLICT | Verdict.DONE:
            return None


def _send(known: Progress, now: datetime) -> Step:
    if known.sent_at is not None:
        if not known.honest:
            return Person(reason=PersonReason.NO_SEARCH)  # never a blind resend
        if now - known.sent_at < SEARCH_CACHE:
            return Wait(least=SEARCH_CACHE - (now - known.sent_at))
    if known.way is Way.TRANSACTION and not known.claimed:
        return Send(way=Way.TRANSACTION, values=known.wanted)
    return Send(way=Way.SINGLE, values=known.missing[:1])


def _prove(known: Progress, now: datetime) -> Step:
    if known.unread:
        return ReadBack(value=known.unread[0])
    readings = set(known.read.values())
    if Reading.DIFFERS in readings:
        return Person(reason=PersonReason.DIFFERS)
    if Reading.ABSENT in readings:
        return _absent(known, now)
    return Person(reason=PersonReason.TWO_FOUND) if known.twins else Proven()


def _absent(known: Progress, now: datetime) -> Step:
    """What was said to be there is not: read again for a while, and never send a second one."""
    if known.claimed_at is not None and now - known.claimed_at >= READ_AGAIN_MOST:
        return Person(reason=PersonReason.NOT_THERE)
    return Wait(least=timedelta(seconds=1))


def refused_as_a_whole(reply: Reply, *, not_supported: bool) -> bool:
    """Tell whether a transaction was refused in a way that single creates may still pass."""
    return not isinstance(reply, Away) and (reply.status in _WHOLE_REFUSED or not_supported)
