"""Write-backs by a worker process: to one placer, to twenty, and to twenty of which one is dead.

The placers' servers answer at once, from one process of their own. What is carried are copies of
one visit; how long a delivery took is counted from the moment at which it became due.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from service.cli.processes import free_port
from service.clients.egress import Deadlines
from service.deps import utc_now
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.store.roles import Direct
from tests.bench import fill
from tests.bench.figures import Figure, at_most
from tests.bench.lanes import Measured, measured
from tests.bench.machine import Machine, at_rest, serving
from tests.bench.placer import answering, silent
from tests.kit.database import Database
from tests.kit.door import NORTHSIDE
from tests.kit.visiting import Visiting, a_visiting_clinic

PLACERS = 20
TO_ONE, TO_ALL, COPIES = 20, 240, 2_000
SECONDS = 15.0
"""How long visits become due one after the other, at half of what the worker can carry."""

CALLS = 6
"""What one write-back asks of a placer: patient, order, the record before it is sent, the
transaction, and a reading of the Procedure and of its dose."""


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What one repetition found: write-backs a second, and the others' p99 (milliseconds)."""

    to_one: float
    to_all: float
    alive: float
    beside_silent: float
    beside_closed: float
    work_ms: float
    worker_mib: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Jobs that are not due yet, and the connection that lets them be."""

    conn: Direct
    placers: list[UUID]
    jobs: list[UUID]
    to_one: list[UUID]

    async def carried(
        self, jobs: Sequence[UUID], *, per_second: float = 0.0, dead: Sequence[UUID] = ()
    ) -> Measured:
        """Let jobs be due, all now or so many a second; measure those of placers that live."""
        begun = utc_now() + timedelta(seconds=0.2)
        step = timedelta(seconds=1 / per_second if per_second else 0)
        rows = await self.conn.fetch(
            "UPDATE outbox o SET run_at = v.at, give_up_at = v.at + interval '1 day'"
            " FROM unnest($1::uuid[], $2::timestamptz[]) AS v (id, at) WHERE o.id = v.id"
            " RETURNING o.dedupe, o.placer_id, v.at",
            jobs,
            [begun + number * step for number in range(len(jobs))],
        )
        due = {row["dedupe"]: row["at"] for row in rows if row["placer_id"] not in dead}
        ended = await self._ended(due)
        await self.conn.execute("DELETE FROM outbox WHERE id = ANY ($1)", jobs)
        took = [(at - due[one]).total_seconds() * 1000 for one, at in ended.items()]
        return measured(took, (max(ended.values()) - begun).total_seconds())

    async def _ended(self, due: Mapping[str, datetime]) -> dict[str, datetime]:
        async with asyncio.timeout(120):
            while True:
                rows = await self.conn.fetch(
                    "SELECT dedupe, at FROM delivery WHERE dedupe = ANY ($1)"
                    " AND outcome = 'proven'",
                    list(due),
                )
                if len(rows) == len(due):
                    return {row["dedupe"]: row["at"] for row in rows}
                await asyncio.sleep(0.1)


def measure(on: Machine, repetitions: int) -> list[Figure]:
    """Measure each repetition on a database of its own, with a worker of its own."""
    with answering() as port:
        found = [_repetition(on, port) for _ in range(repetitions)]
    most = Deadlines().calls_per_second / CALLS
    return [
        Figure(
            what="write-backs to one placer, of what its calls a second allow (L10)",
            values=tuple(one.to_one / most for one in found),
        ),
        Figure(
            what=f"write-backs to {PLACERS} placers, beside one placer",
            values=tuple(one.to_all / one.to_one for one in found),
        ),
        Figure(
            what=f"write-backs to {PLACERS} placers",
            unit="a second",
            values=tuple(one.to_all for one in found),
        ),
        Figure(
            what="processor time of the worker for one write-back",
            unit="ms",
            values=tuple(one.work_ms for one in found),
        ),
        Figure(
            what="p99 of the others' deliveries: one placer silent, beside all alive",
            values=tuple(one.beside_silent / one.alive for one in found),
            goal=at_most(1.5),
        ),
        Figure(
            what="p99 of the others' deliveries: one placer's port closed, beside all alive",
            values=tuple(one.beside_closed / one.alive for one in found),
            goal=at_most(1.5),
        ),
        Figure(
            what="memory of the worker, ready",
            unit="MiB",
            values=tuple(one.worker_mib[0] for one in found),
        ),
        Figure(
            what="memory of the worker, after the write-backs",
            unit="MiB",
            values=tuple(one.worker_mib[1] for one in found),
        ),
    ]


def _repetition(on: Machine, port: int) -> Delivered:
    with on.database() as database, silent() as mute:
        return asyncio.run(_delivered(on, database, port, mute))


async def _delivered(on: Machine, database: Database, port: int, mute: int) -> Delivered:
    async with _filled(database, port) as waiting:
        await at_rest(database)
        with serving(on, database, role="worker") as worker:
            ready = worker.resident()
            to_one = await waiting.carried(waiting.to_one)
            jobs = iter(waiting.jobs)
            before = worker.worked()
            to_all = await waiting.carried([*islice(jobs, TO_ALL)])
            work_ms = (worker.worked() - before) / TO_ALL
            rate = to_all.per_second / 2
            some = min(int(rate * SECONDS), (COPIES - TO_ALL) // 3)
            last = waiting.placers[-2:]
            alive = await waiting.carried([*islice(jobs, some)], per_second=rate, dead=last)
            await _moved(waiting, last[0], mute)
            beside_silent = await waiting.carried([*islice(jobs, some)], per_second=rate, dead=last)
            await _moved(waiting, last[0], port)
            await _moved(waiting, last[1], free_port())
            beside_closed = await waiting.carried([*islice(jobs, some)], per_second=rate, dead=last)
            return Delivered(
                to_one=to_one.per_second,
                to_all=to_all.per_second,
                alive=alive.p99,
                beside_silent=beside_silent.p99,
                beside_closed=beside_closed.p99,
                work_ms=work_ms,
                worker_mib=(ready, worker.resident()),
            )


async def _moved(waiting: Waiting, placer: UUID, port: int) -> None:
    """Let a placer's server be at another port."""
    await waiting.conn.execute(
        "UPDATE placer SET base = regexp_replace(base, ':[0-9]+/', $2) WHERE id = $1",
        placer,
        f":{port}/",
    )


@asynccontextmanager
async def _filled(database: Database, port: int) -> AsyncGenerator[Waiting]:
    """Let one visit go through the flows, and copy it for one placer, then for all."""
    async with a_visiting_clinic(database) as clinic, database.as_owner() as conn:
        referral = await _performed(clinic)
        placers = [
            clinic.booking.placer,
            *[await _placer(clinic, one) for one in range(1, PLACERS)],
        ]
        await conn.execute(
            "UPDATE placer SET base = 'http://127.0.0.1:' || $1 || '/' || id || '/fhir'", str(port)
        )
        await conn.execute("UPDATE hold SET state = 'released'")
        await conn.execute("UPDATE outbox SET run_at = 'infinity'")
        await fill.mark_the_rest(conn)
        one = fill.Part(first=1, last=TO_ONE, shares={referral: 1})
        rest = fill.Part(first=TO_ONE + 1, last=TO_ONE + COPIES, shares={referral: 1})
        await fill.copy(conn, [one], placers=placers[:1])
        await fill.copy(conn, [rest], placers=placers)
        await conn.execute("DELETE FROM outbox WHERE referral = $1", referral)
        rows = await conn.fetch("SELECT id FROM outbox ORDER BY right(id::text, 6)")
        jobs = [row["id"] for row in rows]
        yield Waiting(conn=conn, placers=placers, to_one=jobs[:TO_ONE], jobs=jobs[TO_ONE:])


async def _performed(clinic: Visiting) -> UUID:
    booking = replace(clinic.booking, deps=replace(clinic.booking.deps, new_id=fill.marked_ids()))
    return await replace(clinic, booking=booking).a_performed_referral(fill.MARK)


async def _placer(clinic: Visiting, number: int) -> UUID:
    world = clinic.booking.world
    command = ConnectPlacer(name=f"Placer {number}", internal=True, systems=NORTHSIDE)
    return (await connect_placer(world.owner, world.service, command)).id
