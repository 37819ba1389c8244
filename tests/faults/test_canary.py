"""No patient, token or word of theirs leaves by a log, a job, an error or an address (SECURITY §5).

A referral sings in every text and goes through the whole loop, with everything around it that can
go wrong; then all that the program left behind is searched. Each redaction that is taken out makes
the search find something.
"""

import io
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import asyncpg
import httpx2
import pytest

from fhir_mappings.model.job import Job, JobKind, JobOutcome
from fhir_mappings.model.placer import Tells
from service import log
from service.clients.egress import Egress
from service.clients.placers import Placers
from service.deps import Deps
from service.flows.claim_deliveries import claim_deliveries
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.issue_token import IssueToken, issue_token
from service.store.pool import connect, make_pool
from service.workers.outbox import work
from service.workers.wake import Wake
from tests.http.staff.test_booking import parameters, post, propose, response
from tests.kit.canary import CANARY, Traces, WatchedDoor, watched, with_canaries
from tests.kit.clinic import deps_of
from tests.kit.database import Database
from tests.kit.door import BASE, JSON, NORTHSIDE, Door, a_door
from tests.kit.lying_placer import Asked, Lie, LyingPlacer, serving
from tests.kit.message_mutations import messages
from tests.kit.referrals import a_payload, resource_of
from tests.kit.story import approve, send, task_of, visit
from tests.kit.visiting import QUICK

LIBRARIES = ("httpx2", "httpcore2", "asyncpg", "uvicorn", "litestar", "asyncio", "stamina")
LEAST_BYTES = 100_000
ANOTHER = "QyCanary8"
"""Sings where a redaction was taken out, in a server log that all tests share."""
Provoke: TypeAlias = Callable[[Database], Awaitable[None]]


@dataclass
class World:
    """The door, the placer's server behind it, the worker, and what they leave behind."""

    door: WatchedDoor
    server: LyingPlacer
    worker: Deps
    traces: Traces
    database: Database

    async def run_due(self, **delta: float) -> None:
        """Move the clock, then do all that is due."""
        self.door.world.clock.forward(**delta)
        while jobs := await claim_deliveries(self.worker, most=100):
            for job in jobs:
                await work(self.worker, job, Wake())
            await self.traces.read_tables(self.database)

    async def run_broken(self, patch: pytest.MonkeyPatch) -> None:
        """Do what is due by flows with a fault of ours: what they raise names the patient."""

        async def raising(_deps: Deps, _job: Job) -> JobOutcome:
            raise RuntimeError(CANARY)

        with patch.context() as broken:
            flows = dict.fromkeys(JobKind, raising)
            broken.setattr("service.workers.outbox._FLOWS", flows)
            await self.run_due(seconds=1)


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    """The program's log, with every library as loud as it can be."""
    lines = io.BytesIO()
    log.configure(service="tpi-test", version="0", stream=lines)
    before = {name: logging.getLogger(name).level for name in ("", *LIBRARIES)}
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield lines
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@asynccontextmanager
async def a_world(database: Database, stream: io.BytesIO) -> AsyncGenerator[World]:
    traces = Traces(stream)
    async with (
        a_door(database) as door,
        serving(LyingPlacer()) as server,
        make_pool(database.urls.worker, role="worker", least=1) as pool,
    ):
        placers = Placers(Egress(QUICK))
        await _placer_with_a_server(door, server)
        worker = replace(
            deps_of(pool, door.world.clock.read),
            settings=door.deps.settings,
            placers=placers,
            chance=lambda: 0.5,
        )
        try:
            yield World(
                door=watched(door, traces),
                server=server,
                worker=worker,
                traces=traces,
                database=database,
            )
        finally:
            await placers.aclose()


async def _placer_with_a_server(door: Door, server: LyingPlacer) -> None:
    command = ConnectPlacer(
        name="Westside", base=server.base, internal=True, tells=Tells.TASK, systems=NORTHSIDE
    )
    placer = await connect_placer(door.world.owner, door.world.service, command)
    token = IssueToken(placer=placer.id, days=30)
    door.tokens["placer"] = (await issue_token(door.world.owner, door.world.service, token)).token
    door.placer = placer.id


async def the_loop(world: World, patch: pytest.MonkeyPatch) -> None:
    """A referral with a finding, from its message to the proven write-back; the placer lies."""
    door, server = world.door, world.server
    bundle = with_canaries(a_payload("anticoagulated"))
    server.holds(
        {**resource_of(bundle, "Patient"), "id": f"p-{CANARY}"},
        {**resource_of(bundle, "ServiceRequest"), "id": f"sr-{CANARY}"},
    )
    order = await send(door, bundle)
    task = await task_of(door, order)
    await send(door, bundle)  # a repeat
    await world.run_due(seconds=1)
    await approve(door, order, task)
    first, second, *_ = await propose(door, task)
    declined = response(second, "declined", comment=f"{CANARY} cannot come then")
    await post(door, "placer", "AppointmentResponse", declined)
    accepted = response(first, "accepted", comment=f"{CANARY} comes by bus")
    status, told = await post(door, "placer", "AppointmentResponse", accepted)
    assert status == 201, told
    await world.run_due(seconds=1)
    await visit(door, task, str(first["id"]))
    await world.run_broken(patch)
    server.lies = [
        Lie("status", method="POST", status=500, headers={"x-note": CANARY}, times=1),
        Lie("html", method="POST", status=502, headers={"location": f"/{CANARY}"}, times=1),
        Lie("cut", method="POST", times=1),
    ]
    for minutes in (0, 1, 5, 15, 30, 60, 120):
        await world.run_due(minutes=minutes)


async def what_goes_wrong(world: World) -> None:
    """Refusals of every kind, with the canary wherever a caller can put a word."""
    door = world.door
    wrong = [case.body for case in messages(7) if case.must_refuse][::9]
    async with door.client("placer") as client:
        for body in wrong:
            sung = body.replace(b"Muster-One", CANARY.encode()).replace(
                b"CANARY-of-the-sender", CANARY.encode()
            )
            await client.post("/fhir", content=sung[:500_000], headers=JSON)
        for one in odd_requests(client):
            await client.send(one)
    async with door.client(None) as client:
        for token in (f"Bearer tpi_{CANARY}", f"Basic {CANARY}", CANARY):
            await client.get("/fhir/Patient", headers={"authorization": token})
    for who in ("scheduler", "clinician"):
        for path in (f"Task/{CANARY}/$tpi-review", "Task/x/$tpi-propose", "Appointment"):
            await post(door, who, path, parameters(said_by=CANARY, policy=CANARY))


def odd_requests(client: httpx2.AsyncClient) -> Iterator[httpx2.Request]:
    patch = {"content-type": "application/json-patch+json"}
    for path in (
        f"/fhir/Patient/{CANARY}",
        f"/fhir/Patient/{CANARY}/_history/{CANARY}",
        f"/fhir/Patient?name={CANARY}&identifier={CANARY}",
        f"/fhir/Patient?birthdate={CANARY}",
        f"/fhir/Patient?_id={CANARY}%00&_count={CANARY}",
        f"/fhir/{CANARY}",
        f"/{CANARY}/{CANARY}",
        f"/fhir/Task?_lastUpdated={CANARY}&_sort={CANARY}&_cursor={CANARY}",
    ):
        yield client.build_request("GET", path)
        yield client.build_request("DELETE", path)
    for name in ("accept", "if-match", "if-none-exist", "prefer", "content-type", "host"):
        body = json.dumps({"resourceType": "Patient", "name": [{"family": CANARY}]})
        yield client.build_request(
            "POST", "/fhir/Patient", content=body, headers={**JSON, name: f"{CANARY}=x"}
        )
    for name in ("x-request-id", "x-correlation-id", "idempotency-key", "user-agent", "cookie"):
        yield client.build_request("GET", "/fhir/Patient/none", headers={name: f"MRN-{CANARY}"})
    for body in (f'{{"{CANARY}": 1}}', f'[{{"op": "{CANARY}", "path": "/{CANARY}"}}]', CANARY):
        yield client.build_request("PATCH", "/fhir/Task/x", content=body, headers=patch)
        yield client.build_request("PUT", f"/fhir/Patient/{CANARY}", content=body, headers=JSON)
    yield client.build_request(CANARY.upper(), f"/fhir/Patient/{CANARY}")


def address(asked: Asked) -> str:
    """What was asked of the placer's server: its own numbers are told in a form, not here."""
    return f"{asked.method} {asked.path}?{asked.query}"


@pytest.mark.timeout(180)  # a whole loop with its faults, on a machine that others use
async def test_t50_t51_a_patient_sings_nowhere_but_in_what_is_kept_of_them(
    database: Database,
    stream: io.BytesIO,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    since = database.server_log().stat().st_size
    async with a_world(database, stream) as world:
        await the_loop(world, monkeypatch)
        await what_goes_wrong(world)
        await world.traces.read_tables(database)
        proven = await world.door.world.owner.pool.fetchval(
            "SELECT count(*) FROM delivery WHERE kind = 'write-back' AND outcome = 'proven'"
        )
        traces, asked = world.traces, [address(one) for one in world.server.asked]
    traces.read_logs(database, since)
    captured = capfd.readouterr()
    traces.add("stdout and stderr", captured.out + captured.err)
    traces.add("addresses asked of the placer", "\n".join(asked))
    token = world.door.tokens["placer"]

    print(traces)  # noqa: T201 - with -s: what was searched
    assert proven == 1
    assert b"RuntimeError" in traces.found["log"]
    assert traces.hits() == []
    assert traces.hits(token) == traces.hits(token.removeprefix("tpi_")) == []
    assert sum(map(len, traces.found.values())) >= LEAST_BYTES


# ------------------------------------------------------------------ each redaction is needed


@dataclass
class Redaction:
    """One thing that keeps patients in: how to take it out, and what then happens."""

    name: str
    remove: Callable[[pytest.MonkeyPatch], None]
    provoke: Provoke


async def _foreign_key(_: Database) -> None:
    log.logger().info("referral.received", patient=ANOTHER)


async def _library_says(_: Database) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        await client.get(f"/fhir/Patient?name={ANOTHER}")


async def _exception_raised(_: Database) -> None:
    try:
        int(ANOTHER)
    except ValueError:
        log.logger().exception("job.failed")


async def _statement_fails(database: Database) -> None:
    async with make_pool(database.urls.web, role="web", least=1) as pool:
        with pytest.raises(asyncpg.DataError):
            await pool.fetchval("SELECT $1::text::int", ANOTHER)


async def _statement_of_the_owner_fails(database: Database) -> None:
    """As a role whose logging is not turned down: what PostgreSQL does by itself."""
    conn = await connect(database.urls.owner)
    try:
        with pytest.raises(asyncpg.DataError):
            await conn.fetchval("SELECT $1::text::int", ANOTHER)
    finally:
        await conn.close()


def _any_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(log, "KEYS", log.KEYS | {"patient"})


def _whole_message(patch: pytest.MonkeyPatch) -> None:
    def emit(_: logging.Handler, record: logging.LogRecord) -> None:
        log.logger().error("library.said", problem=record.getMessage())

    for handler in logging.getLogger().handlers:
        if type(handler).__module__ == log.__name__:
            patch.setattr(type(handler), "emit", emit)


def _whole_exception(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(log, "told", repr)


def _nothing(_: pytest.MonkeyPatch) -> None:
    """What is provoked is itself the other way."""


REDACTIONS = (
    Redaction("keys that are not listed", _any_key, _foreign_key),
    Redaction("what a library says", _whole_message, _library_says),
    Redaction("the text of an exception", _whole_exception, _exception_raised),
    Redaction("what the server logs for our roles", _nothing, _statement_of_the_owner_fails),
)


async def searched(database: Database, stream: io.BytesIO, provoke: Provoke) -> list[str]:
    traces, since = Traces(stream), database.server_log().stat().st_size
    await provoke(database)
    traces.read_logs(database, since)
    return traces.hits(ANOTHER)


@pytest.mark.parametrize("one", REDACTIONS, ids=lambda one: one.name)
async def test_t50_t51_a_redaction_that_is_taken_out_lets_the_patient_sing(
    one: Redaction, database: Database, stream: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.remove(monkeypatch)

    hits = await searched(database, stream, one.provoke)

    log.dropped.clear()
    assert hits


@pytest.mark.parametrize(
    "provoke", [_foreign_key, _library_says, _exception_raised, _statement_fails]
)
async def test_t50_t51_the_same_is_silent_while_the_redaction_stands(
    provoke: Provoke, database: Database, stream: io.BytesIO
) -> None:
    hits = await searched(database, stream, provoke)

    log.dropped.clear()
    assert hits == []
