"""Referrals accepted and screened per second over HTTP, beside PostgreSQL alone; and under load.

Each repetition sends the same number of different referrals to `tpi serve` with a process for each
processor (durable PostgreSQL, concurrency 8), and then lets PostgreSQL alone write the very same
rows by the very same statement in the same kind of transaction. Between the two, referrals arrive
at 70 % of what was just measured, at random moments and whatever is still under way.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.referral import Case
from service.flows.receive_referral import receive_referral
from service.store import intake
from service.store.pool import Conn, Pool, make_pool
from service.store.transaction import transaction
from tests.bench.client import Client, clients
from tests.bench.figures import Figure, at_least, at_most
from tests.bench.lanes import Measured, Work, arriving, timed
from tests.bench.machine import Machine, at_rest, serving
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.referrals import a_payload, message, numbered, written

CONCURRENCY = 8
COUNT = 500
"""Referrals of one repetition; a fifth of them warm up."""
ARRIVALS = 400
LOAD = 0.7
PROCESSES = os.cpu_count() or 1
"""Web processes: one a processor, as it is run for real (TPI_PROCESSES)."""
CONNECTIONS = 64
"""How many referrals may be under way while they arrive: more than ever are."""

PAYLOADS = ("clean", "anticoagulated", "active-infection")
Write = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one repetition found; memory in MiB."""

    http: Measured
    loaded: Measured
    alone: Measured
    work_ms: float
    ready_mib: float
    used_mib: float


def measure(on: Machine, repetitions: int) -> list[Figure]:
    """Measure each repetition on two databases of its own."""
    found: list[Taken] = []
    for number in range(repetitions):
        with on.database() as served, on.database() as bare:
            found.append(asyncio.run(_repetition(on, served, bare, f"B{number}-")))
    return [
        Figure(
            what="intake over HTTP, beside PostgreSQL alone with the same rows",
            values=tuple(one.http.per_second / one.alone.per_second for one in found),
            goal=at_least(0.5),
        ),
        Figure(
            what=f"intake at {LOAD:.0%} of that rate, p99 beside p50",
            values=tuple(one.loaded.p99 / one.loaded.p50 for one in found),
            goal=at_most(5),
        ),
        Figure(
            what=f"intake, concurrency {CONCURRENCY}",
            unit="a second",
            values=tuple(one.http.per_second for one in found),
        ),
        Figure(
            what=f"intake at {LOAD:.0%}, p50",
            unit="ms",
            values=tuple(one.loaded.p50 for one in found),
        ),
        Figure(
            what=f"intake at {LOAD:.0%}, p99",
            unit="ms",
            values=tuple(one.loaded.p99 for one in found),
        ),
        Figure(
            what="processor time of the web processes for one referral",
            unit="ms",
            values=tuple(one.work_ms for one in found),
        ),
        Figure(
            what="PostgreSQL alone",
            unit="a second",
            values=tuple(one.alone.per_second for one in found),
        ),
        Figure(
            what="memory of a web process, ready",
            unit="MiB",
            values=tuple(one.ready_mib for one in found),
        ),
        Figure(
            what="memory of a web process, after the intake",
            unit="MiB",
            values=tuple(one.used_mib for one in found),
        ),
    ]


async def _repetition(on: Machine, served: Database, bare: Database, series: str) -> Taken:
    bodies = _referrals(COUNT, series)
    async with a_door(served) as door:
        await at_rest(served)
        with serving(on, served, processes=PROCESSES) as web:
            ready = web.resident()
            before = web.worked()
            http = await _over_http(door, web.port, bodies)
            work_ms = (web.worked() - before) / COUNT
            arrivals = _referrals(ARRIVALS, f"{series}L")
            loaded = await _loaded(door, web.port, arrivals, LOAD * http.per_second)
            used = web.resident()
    async with a_door(bare) as door:
        writes = await _statements_of(door, bodies)
        await _emptied(bare)
        await at_rest(bare)
        pool = make_pool(bare.urls.web, role="web", least=CONCURRENCY, most=CONCURRENCY)
        async with pool:
            alone = await _postgres_alone(pool, _placer(door), writes)
    return Taken(
        http=http, loaded=loaded, alone=alone, work_ms=work_ms, ready_mib=ready, used_mib=used
    )


def _referrals(count: int, series: str) -> list[bytes]:
    """Different referrals of different patients, the three payloads in turn."""
    return [
        written(numbered(a_payload(PAYLOADS[one % len(PAYLOADS)]), f"{series}{one}"))
        for one in range(count)
    ]


async def _over_http(door: Door, port: int, bodies: Sequence[bytes]) -> Measured:
    """Post each referral to the service and see that it was taken."""
    async with clients(port, door.tokens["placer"], CONCURRENCY) as lanes:
        work = [_posting(lanes, one) for one in bodies]
        await timed(work[: len(work) // 5], lanes=CONCURRENCY)
        return await timed(work[len(work) // 5 :], lanes=CONCURRENCY)


async def _loaded(door: Door, port: int, bodies: Sequence[bytes], per_second: float) -> Measured:
    async with clients(port, door.tokens["placer"], CONNECTIONS) as lanes:
        work = [_posting(lanes, one) for one in bodies]
        return await arriving(work, per_second=per_second, lanes=CONNECTIONS)


def _posting(lanes: Sequence[Client], body: bytes) -> Work:
    async def run(lane: int) -> None:
        status, answer = await lanes[lane].post("/fhir", body)
        while status == 503:  # busy: sent again in a moment, and its time goes on
            await asyncio.sleep(0.2)
            status, answer = await lanes[lane].post("/fhir", body)
        if status != 200 or b"transaction-response" not in answer:
            raise SystemExit(f"A referral was answered {status}: {answer[:500]!r}")

    return run


async def _statements_of(door: Door, bodies: Sequence[bytes]) -> list[Write]:
    """The parameters of the statement by which the flow writes each referral, caught in passing."""
    caught: list[Write] = []
    caller = _placer(door)

    class Catching:
        """A connection that keeps what the intake statement was given."""

        def __init__(self, conn: Conn) -> None:
            self._conn = conn

        async def fetchval(self, statement: str, *args: object) -> object:
            caught.append((statement, *args))
            return await self._conn.fetchval(statement, *args)

    whole = intake.add_referral

    async def add_referral(conn: Conn, case: Case, **rest: Any) -> bool:  # noqa: ANN401 - passed on
        return await whole(cast("Conn", Catching(conn)), case, **rest)

    intake.add_referral = add_referral
    try:
        for body in bodies:
            await receive_referral(door.deps, caller, message(body))
    finally:
        intake.add_referral = whole
    return caught


async def _postgres_alone(pool: Pool, caller: Caller, writes: Sequence[Write]) -> Measured:
    """Write the same rows by the same statement, each in a transaction as the flow has it."""

    def writing(write: Write) -> Work:
        async def run(_: int) -> None:
            async with transaction(pool, tenant=caller.tenant, placer=caller.reach) as conn:
                statement, *args = write
                if await conn.fetchval(str(statement), *args) is None:
                    raise SystemExit("PostgreSQL alone wrote nothing: the rows were there before")

        return run

    work = [writing(one) for one in writes]
    await timed(work[: len(work) // 5], lanes=CONCURRENCY)
    return await timed(work[len(work) // 5 :], lanes=CONCURRENCY)


def _placer(door: Door) -> Caller:
    """The placer's client, as its token proves it."""
    return door.world.client(door.placer)


async def _emptied(database: Database) -> None:
    """Take away what catching the statements wrote, so that they can be carried out again."""
    async with database.as_owner() as conn:
        await conn.execute(
            "DELETE FROM outbox; DELETE FROM audit; DELETE FROM screening; DELETE FROM message;"
            " DELETE FROM resource WHERE referral IS NOT NULL; DELETE FROM referral"
        )
