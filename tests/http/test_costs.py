"""What a request costs in things that can be counted: round trips, commits, parses, rows read.

Seconds differ from machine to machine, these numbers do not; each is pinned with its reason.
"""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery

from service.http.app import make_app
from service.store.pool import Pool, make_pool
from service.store.statements import sql, verbs
from tests.kit.database import Database
from tests.kit.door import FHIR, JSON, Door
from tests.kit.referrals import a_payload, numbered, resource_of, written

VERB_OF = {sql(verb): verb for verb in verbs()}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a request may cost: round trips to PostgreSQL, commits, parses of its whole body."""

    trips: int
    commits: int
    parses: int


COSTS = {
    # begin with both settings; placer and clinic; what is met, claimed and asked again; the key,
    # on which the locks depend; what was met, for the chart; all that is written; commit
    "new referral": Cost(trips=7, commits=1, parses=1),
    # as above up to the key; the patient's lock and the row's; the patient's other referrals and
    # what came with them, to know entries by sight; what stands; the message's row; commit
    "repeat": Cost(trips=11, commits=1, parses=1),
    # as a repeat; then the whole chart is read and screened, the stage moved and the Task told
    "amendment": Cost(trips=31, commits=1, parses=1),
    # proposal, chart and decisions are screened for the day of the window; the window is booked,
    # the others freed, Appointments, Task and the answer are written, and read to be sent back
    "acceptance": Cost(trips=37, commits=1, parses=1),
    "search": Cost(trips=3, commits=1, parses=0),
    "read": Cost(trips=3, commits=1, parses=0),
}
"""Each kind of request and its cost, by a caller whose token is remembered (five seconds)."""


@dataclass
class Counted:
    """A door whose one connection tells what it was asked."""

    door: Door
    pool: Pool
    asked: list[str] = field(default_factory=list[str])
    sent: list[bytes] = field(default_factory=list[bytes])
    parsed: list[str] = field(default_factory=list[str])

    def tell(self, query: LoggedQuery) -> None:
        statement = query.query
        self.asked.append(VERB_OF.get(statement) or statement.partition(";")[0][:60])

    def forget(self) -> None:
        """Count from here."""
        for told in (self.asked, self.sent, self.parsed):
            told.clear()

    def cost(self) -> Cost:
        """What was spent since."""
        bodies = [one.decode() for one in self.sent]
        return Cost(
            trips=len(self.asked),
            commits=self.asked.count("COMMIT"),
            parses=sum(one in bodies for one in self.parsed),
        )

    async def post(self, path: str, body: bytes, who: str = "placer") -> dict[str, Any]:
        self.sent.append(body)
        async with self.door.client(who) as client:
            answer = await client.post(path, content=body, headers=JSON)
        assert answer.is_success, answer.text
        tree: dict[str, Any] = answer.json()
        return tree

    async def get(self, path: str) -> dict[str, Any]:
        async with self.door.client("placer") as client:
            answer = await client.get(path)
        assert answer.is_success, answer.text
        tree: dict[str, Any] = answer.json()
        return tree


@asynccontextmanager
async def counting(door: Door, database: Database) -> AsyncGenerator[Counted]:
    async with make_pool(database.urls.web, role="web", least=1, most=1) as pool:
        counted = Counted(door, pool)
        async with pool.acquire() as conn:
            conn.add_query_logger(counted.tell)
        door.app = make_app(replace(door.deps, pool=pool))
        yield counted


@pytest.fixture
async def counted(
    door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Counted]:
    """A door that has answered before: its caller is known, its statements are prepared."""
    async with counting(door, database) as one:
        parse = json.loads

        def told(text: str, **how: Any) -> object:  # noqa: ANN401 - passed on
            one.parsed.append(text)
            return parse(text, **how)

        monkeypatch.setattr(json, "loads", told)
        await one.post(FHIR, body("warm"))
        one.forget()
        yield one


def body(number: str, **changes: object) -> bytes:
    bundle = numbered(a_payload("clean"), number)
    resource_of(bundle, "ServiceRequest").update(changes)
    return written(bundle)


async def new_referral(counted: Counted) -> None:
    new = body("1")
    counted.forget()
    await counted.post(FHIR, new)


async def repeat(counted: Counted) -> None:
    same = body("1")
    await counted.post(FHIR, same)
    counted.forget()
    await counted.post(FHIR, same)


async def amendment(counted: Counted) -> None:
    await counted.post(FHIR, body("1"))
    amended = body("1", patientInstruction="Bring the images along.")
    counted.forget()
    await counted.post(FHIR, amended)


async def acceptance(counted: Counted) -> None:
    await counted.post(FHIR, body("1"))
    found = await counted.get(f"{FHIR}/Task?status=accepted")
    rid = found["entry"][0]["resource"]["id"]
    proposed = await counted.post(
        f"{FHIR}/Task/{rid}/$tpi-propose", b'{"resourceType":"Parameters"}', "scheduler"
    )
    counted.forget()
    appointment = proposed["entry"][0]["resource"]["id"]
    response = {
        "resourceType": "AppointmentResponse",
        "appointment": {"reference": f"Appointment/{appointment}"},
        "actor": {"display": "the patient"},
        "participantType": [{"text": "patient"}],
        "participantStatus": "accepted",
    }
    await counted.post(f"{FHIR}/AppointmentResponse", json.dumps(response).encode())


async def search(counted: Counted) -> None:
    await counted.get(f"{FHIR}/Task?status=accepted")


async def read(counted: Counted) -> None:
    found = await counted.get(f"{FHIR}/Task?_count=1")
    counted.forget()
    await counted.get(f"{FHIR}/Task/{found['entry'][0]['resource']['id']}")


REQUESTS: dict[str, Callable[[Counted], Awaitable[None]]] = {
    "new referral": new_referral,
    "repeat": repeat,
    "amendment": amendment,
    "acceptance": acceptance,
    "search": search,
    "read": read,
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_goes_to_the_database_as_often_as_it_must(
    counted: Counted, name: str
) -> None:
    await REQUESTS[name](counted)

    assert counted.cost() == COSTS[name], counted.asked


async def test_an_intake_reads_no_more_resources_when_more_are_stored(
    counted: Counted, database: Database
) -> None:
    few = await resources_read(counted, database, "few")
    for number in range(40):  # planned over an empty table, as in a new clinic
        await counted.post(FHIR, body(f"between-{number}"))
    many = await resources_read(counted, database, "many")

    assert many <= few


async def resources_read(counted: Counted, database: Database, number: str) -> int:
    """How many rows of `resource` one intake reads, as the server counts them."""
    before = await _read(counted, database)
    await counted.post(FHIR, body(number))
    return await _read(counted, database) - before


async def _read(counted: Counted, database: Database) -> int:
    await counted.pool.execute("SELECT pg_stat_force_next_flush()")  # what it counted is seen now
    async with database.as_owner() as conn:
        return int(
            await conn.fetchval(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables"
                " WHERE relname = 'resource'"
            )
        )
