"""What the harness does to a run that goes on: kinds, the moment of each, and what it met."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Any, Final

from tests.chaos import lies, placer, wire
from tests.chaos.crew import NAMES, WEB, WORKERS
from tests.chaos.placer import Doing, Lie
from tests.chaos.postgres import Postgres
from tests.chaos.stage import LEASE_SECONDS, Stage


class Kind(StrEnum):
    """What can be done."""

    KILL_WEB = "kill -9 of web"
    KILL_WORKER = "kill -9 of a worker"
    KILL_POSTGRES = "kill -9 of PostgreSQL"
    LOST_COMMIT = "a COMMIT whose answer is lost"
    PAUSED_WORKER = "a worker paused beyond its lease"
    SILENT = "placer: does it and never answers"
    NOT_THERE = "placer: 201, then 404"
    NAMELESS = "placer: drops identifiers"
    ANOTHER = "placer: another patient's resource"
    TOO_MANY = "placer: 429"
    DENIED = "placer: 401"
    BROKEN = "placer: 500"
    PAGE = "placer: HTML"
    DRIPPING = "placer: drips"


class Place(StrEnum):
    """What was under way at whom was struck."""

    TRANSACTION = "a transaction"
    DELIVERY = "a delivery"
    READ_BACK = "a read-back"


@dataclass(frozen=True, kw_only=True)
class Struck:
    """One strike that fell."""

    kind: Kind
    whom: str
    inside: frozenset[Place]


MOMENT_SECONDS: Final = 10.0
"""How long a strike waits for the moment that was drawn; then it falls where it is."""
LIE_SECONDS: Final = 15.0
"""How long a lie waits for a call that it fits."""
AIMED: Final = 0.7
"""The share of strikes at processes that wait for a moment; the others fall at any time."""
_PLACES: Final[Mapping[Doing, Place]] = MappingProxyType(
    {
        Doing.LOOK: Place.DELIVERY,
        Doing.SEND: Place.DELIVERY,
        Doing.READ_BACK: Place.READ_BACK,
    }
)
_LIES: Final[Mapping[Kind, tuple[Callable[[Random], Lie], ...]]] = MappingProxyType(
    {
        Kind.SILENT: (lies.silent,),
        Kind.NOT_THERE: (lies.not_there,),
        Kind.NAMELESS: (lies.nameless,),
        Kind.ANOTHER: (lies.another_patients, lies.another_patients, lies.another_patient),
        Kind.TOO_MANY: (lies.too_many,),
        Kind.BROKEN: (lies.broken,),
        Kind.PAGE: (lies.a_page,),
        Kind.DRIPPING: (lies.dripping,),
    }
)


class Striker:
    """Strikes a stage; the same seed draws the same kinds, moments and lies."""

    def __init__(self, stage: Stage, postgres: Postgres, chance: Random) -> None:
        self._stage = stage
        self._postgres = postgres
        self._chance = chance
        self._locks = {name: asyncio.Lock() for name in ("postgres", "token")}
        self._ways: dict[Kind, Callable[[], Awaitable[Struck | None]]] = {
            Kind.KILL_WEB: self._kill_web,
            Kind.KILL_WORKER: self._kill_worker,
            Kind.KILL_POSTGRES: self._kill_postgres,
            Kind.LOST_COMMIT: self._lose_commit,
            Kind.PAUSED_WORKER: self._pause_worker,
            Kind.DENIED: self._deny,
        }

    async def strike(self, kind: Kind) -> Struck | None:
        """Strike once; None: the moment or the call that it needs did not come."""
        way = self._ways.get(kind)
        return await (way() if way else self._lie(kind))

    async def _kill_web(self) -> Struck:
        await self._ready(WEB)
        return await self._hit(Kind.KILL_WEB, (WEB,), self._stage.crew.kill)

    async def _kill_worker(self) -> Struck:
        await self._ready(self._chance.choice(WORKERS))
        return await self._hit(Kind.KILL_WORKER, WORKERS, self._stage.crew.kill)

    async def _pause_worker(self) -> Struck:
        beyond = LEASE_SECONDS * (1.2 + 0.5 * self._chance.random())
        paused: list[int] = []
        await self._ready(self._chance.choice(WORKERS))
        struck = await self._hit(
            Kind.PAUSED_WORKER, WORKERS, lambda who: paused.append(self._stage.crew.pause(who))
        )
        await asyncio.sleep(beyond)
        self._stage.crew.resume(struck.whom, paused[0])
        return struck

    async def _kill_postgres(self) -> Struck:
        async with self._locks["postgres"]:
            await self._ready(self._chance.choice(NAMES))
            struck = await self._hit(
                Kind.KILL_POSTGRES, NAMES, lambda _: self._postgres.kill(), whole=True
            )
            await asyncio.sleep(self._chance.random())
            await asyncio.to_thread(self._postgres.start)
        return struck

    async def _ready(self, name: str) -> None:
        """Wait a while until a process works; a strike may well fall on one that only starts."""
        with suppress(TimeoutError):
            await self._stage.crew.up(name, seconds=MOMENT_SECONDS)

    async def _hit(
        self,
        kind: Kind,
        names: Sequence[str],
        act: Callable[[str], None],
        *,
        whole: bool = False,
    ) -> Struck:
        """Hit one of these at the moment that is drawn; `whole` looks at what all of them do."""
        hits: list[Struck] = []

        def strike(who: str) -> None:
            inside = self._inside(*(names if whole else (who,)))
            hits.append(Struck(kind=kind, whom=who, inside=inside))
            act(who)

        if self._chance.random() >= AIMED or not await _came(
            self._moment(names, strike), MOMENT_SECONDS
        ):
            strike(self._chance.choice(names))
        return hits[0]

    async def _lose_commit(self) -> Struck | None:
        who = self._chance.choice((WEB, WEB, *WORKERS))
        lost = self._stage.wires[who].lose_a_commit()
        if not await _came(lost, LIE_SECONDS):
            return None
        inside = self._inside(who) | {Place.TRANSACTION}
        return Struck(kind=Kind.LOST_COMMIT, whom=who, inside=inside)

    async def _lie(self, kind: Kind) -> Struck | None:
        told = self._stage.placer.lie(self._chance.choice(_LIES[kind])(self._chance))
        if not await _came(told, LIE_SECONDS):
            return None
        call = told.result()
        return Struck(kind=kind, whom=call.who, inside=frozenset({_PLACES[call.doing]}))

    async def _deny(self) -> Struck | None:
        """Let the placer want another token; an operator has it at hand, or comes a bit later.

        A process that was denied leaves the placer alone for minutes: the late operator starts
        the workers again.
        """
        async with self._locks["token"]:
            await self._ready(self._chance.choice(WORKERS))
            late = self._chance.random() < 0.5
            denied = self._stage.placer.next_denied()
            token = self._stage.want_another_token()
            if not late:
                self._stage.keep_token(token)
            came = await _came(denied, LIE_SECONDS)
            if late:
                await asyncio.sleep(2 * self._chance.random())
                self._stage.keep_token(token)
                self._stage.crew.end(*WORKERS)
        if not came:
            return None
        call = denied.result()
        return Struck(kind=Kind.DENIED, whom=call.who, inside=frozenset({_PLACES[call.doing]}))

    def _moment(self, names: Sequence[str], strike: Callable[[str], None]) -> asyncio.Future[None]:
        """Draw a moment: in a transaction of one of these, in a delivery or read-back of any."""
        doing = self._chance.choice((None, Doing.SEND, Doing.READ_BACK))
        if doing is None or names[-1] == WEB:
            who = self._chance.choice(names)
            moment = self._chance.choice(list(wire.Moment))
            return self._stage.wires[who].strike(moment, lambda: strike(who))
        return self._stage.placer.strike(doing, self._chance.choice(list(placer.Moment)), strike)

    def _inside(self, *names: str) -> frozenset[Place]:
        found = {_PLACES[one] for name in names for one in self._stage.placer.doing(name)}
        if any(self._stage.wires[name].in_transaction for name in names):
            found.add(Place.TRANSACTION)
        return frozenset(found)


async def _came(moment: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for a moment; where it does not come it is called off."""
    done, _ = await asyncio.wait({moment}, timeout=seconds)
    if not done:
        moment.cancel()
    return bool(done)
