"""`make bench`: referrals accepted and screened per second, beside PostgreSQL alone.

Each repetition sends the same number of different referrals over HTTP to a process of its own
(`tpi serve`, durable PostgreSQL, concurrency 8), and then lets PostgreSQL alone write the very same
rows by the very same statement in the same kind of transaction. The ratio of the two, taken in one
run on one machine, is the figure; single times say more about the machine than about the code.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.referral import Case
from service.flows.issue_token import IssueToken, issue_token
from service.flows.receive_referral import receive_referral
from service.settings import Settings
from service.store import embedded, intake
from service.store.embedded import Running, Urls
from service.store.pool import Conn, Pool, make_pool
from service.store.transaction import transaction
from tests.bench.client import Client
from tests.kit import database as kit
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.referrals import a_payload, message, numbered, written

CONCURRENCY = 8
PAYLOADS = ("clean", "anticoagulated", "active-infection")
Write = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run: how many a second, and what one takes (milliseconds)."""

    per_second: float
    p50: float
    p99: float


def referrals(count: int, series: str) -> list[bytes]:
    """Different referrals of different patients, the three payloads in turn."""
    return [
        written(numbered(a_payload(PAYLOADS[one % len(PAYLOADS)]), f"{series}{one}"))
        for one in range(count)
    ]


async def timed(work: Sequence[Callable[[int], Awaitable[None]]]) -> Measured:
    """Run the work, `CONCURRENCY` at a time; each piece is told which lane it runs in."""
    waiting = list(reversed(work))
    took: list[float] = []

    async def lane(number: int) -> None:
        while waiting:
            one = waiting.pop()
            begun = time.perf_counter()
            await one(number)
            took.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    await asyncio.gather(*(lane(number) for number in range(CONCURRENCY)))
    whole = time.perf_counter() - begun
    cuts = statistics.quantiles(took, n=100)
    return Measured(per_second=len(work) / whole, p50=cuts[49], p99=cuts[98])


async def over_http(door: Door, port: int, bodies: Sequence[bytes]) -> Measured:
    """Post each referral to the service and see that it was taken."""
    ask = IssueToken(placer=door.placer, days=30)
    token = (await issue_token(door.world.owner, door.world.service, ask)).token
    clients = [Client(port, token) for _ in range(CONCURRENCY)]
    for client in clients:
        await client.open()

    def post(body: bytes) -> Callable[[int], Awaitable[None]]:
        async def run(lane: int) -> None:
            status, answer = await clients[lane].post("/fhir", body)
            if status != 200 or b"transaction-response" not in answer:
                raise SystemExit(f"A referral was answered {status}: {answer[:500]!r}")

        return run

    warm, measured = bodies[: len(bodies) // 5], bodies[len(bodies) // 5 :]
    await timed([post(one) for one in warm])
    found = await timed([post(one) for one in measured])
    for client in clients:
        client.close()
    return found


async def statements_of(door: Door, bodies: Sequence[bytes]) -> list[Write]:
    """The parameters of the statement by which the flow writes each referral, caught in passing."""
    caught: list[Write] = []
    caller = placer(door)

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


async def postgres_alone(pool: Pool, caller: Caller, writes: Sequence[Write]) -> Measured:
    """Write the same rows by the same statement, each in a transaction as the flow has it."""

    def one(write: Write) -> Callable[[int], Awaitable[None]]:
        async def run(_: int) -> None:
            async with transaction(pool, tenant=caller.tenant, placer=caller.reach) as conn:
                statement, *args = write
                if await conn.fetchval(str(statement), *args) is None:
                    raise SystemExit("PostgreSQL alone wrote nothing: the rows were there before")

        return run

    await timed([one(write) for write in writes[: len(writes) // 5]])
    return await timed([one(write) for write in writes[len(writes) // 5 :]])


def placer(door: Door) -> Caller:
    """The placer's client, as its token proves it."""
    service = door.world.service
    return Caller(tenant=service.tenant, zone=service.zone, name="placer", placer=door.placer)


@contextmanager
def serving(urls: Urls) -> Generator[int]:
    """Run `tpi serve` on a free port until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    settings = {
        "DATABASE_URL": urls.owner,
        "TPI_WEB_DATABASE_URL": urls.web,
        "TPI_PORT": str(port),
        "TPI_OPS_PORT": "0",
        "TPI_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TPI_CLIENT_RATE_PER_SECOND": "100000",
        "TPI_CLIENT_BURST": "100000",
    }
    command = [sys.executable, "-c", "from service.cli import main; main()", "serve"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            env={**os.environ, **settings},  # noqa: TID251 - a child's environment
            stdout=log,
            stderr=log,
        )
        try:
            _await_port(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit("tpi serve ended before it answered")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("tpi serve did not answer within 30 s")


async def repetition(
    served: Database, bare: Database, bodies: Sequence[bytes]
) -> tuple[Measured, Measured]:
    """Measure once: HTTP on one fresh database, PostgreSQL alone on another of the same clinic."""
    async with a_door(served) as door:
        await _at_rest(served)
        with serving(served.urls) as port:
            http = await over_http(door, port, bodies)
    async with a_door(bare) as door:
        writes = await statements_of(door, bodies)
        await _emptied(bare)
        await _at_rest(bare)
        pool = make_pool(bare.urls.web, role="web", least=CONCURRENCY, most=CONCURRENCY)
        async with pool:
            alone = await postgres_alone(pool, placer(door), writes)
    return http, alone


async def _emptied(database: Database) -> None:
    """Take away what catching the statements wrote, so that they can be carried out again."""
    async with database.as_owner() as conn:
        await conn.execute(
            "DELETE FROM outbox; DELETE FROM audit; DELETE FROM screening; DELETE FROM message;"
            " DELETE FROM resource WHERE referral IS NOT NULL; DELETE FROM referral"
        )


async def _at_rest(database: Database) -> None:
    """Let both measurements begin alike: compact files, fresh statistics, nothing left to write.

    The first change of a page after a checkpoint writes the whole page to the log: a run that
    meets that and one that does not differ by a factor.
    """
    async with database.as_owner() as conn:
        await conn.execute("VACUUM (FULL, ANALYZE)")
        await conn.execute("CHECKPOINT")


def measured(
    running: Running, janitor: ThreadPoolExecutor, count: int, repetitions: int
) -> list[tuple[Measured, Measured]]:
    """Repeat the measurement, each time on two databases of its own."""
    copied = kit.template(running)
    rows: list[tuple[Measured, Measured]] = []
    for number in range(repetitions):
        with (
            kit.fresh(running, copied, janitor) as served,
            kit.fresh(running, copied, janitor) as bare,
        ):
            bodies = referrals(count, f"B{number}-")
            rows.append(asyncio.run(repetition(served, bare, bodies)))
    return rows


def told(rows: Sequence[tuple[Measured, Measured]]) -> str:
    """The figures as a table, with their median and spread."""
    lines = [
        f"{platform.machine()}, {os.cpu_count()} processors, concurrency {CONCURRENCY}",
        f"{'run':<8}{'HTTP/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'PG alone/s':>12}{'ratio':>8}",
    ]
    ratios = [http.per_second / alone.per_second for http, alone in rows]
    for number, ((http, alone), ratio) in enumerate(zip(rows, ratios, strict=True), 1):
        lines.append(
            f"{number:<8}{http.per_second:>9.0f}{http.p50:>9.1f}{http.p99:>9.1f}"
            f"{alone.per_second:>12.0f}{ratio:>8.2f}"
        )
    lines.append(
        f"median ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure and print; `--json FILE` keeps the figures."""
    reader = argparse.ArgumentParser(prog="make bench")
    reader.add_argument("--count", type=int, default=500, help="referrals per repetition")
    reader.add_argument("--repetitions", type=int, default=3)
    reader.add_argument("--json", type=Path)
    asked = reader.parse_args()
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)  # the server's own account must pass
        with (
            embedded.server(Settings(), durable=True, home=Path(home) / "bench") as running,
            ThreadPoolExecutor(max_workers=1) as janitor,
        ):
            rows = measured(running, janitor, asked.count, asked.repetitions)
    print(told(rows))  # noqa: T201 - a bench prints
    if asked.json:
        asked.json.write_text(
            json.dumps([[vars(http), vars(alone)] for http, alone in rows], indent=1)
        )


if __name__ == "__main__":
    main()
