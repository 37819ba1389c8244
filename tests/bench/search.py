"""Worklist and search over HTTP, one request at a time, beside 1,000 and beside 100,000 referrals.

Both databases hold copies of the same few referrals, of ten placers; one service runs over each.
Each kind of question is asked of both in turn: what counts is how much longer the large one takes.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote
from uuid import UUID

from service.flows.connect_placer import ConnectPlacer, connect_placer
from tests.bench import fill
from tests.bench.client import clients
from tests.bench.figures import Figure, at_most
from tests.bench.machine import Machine, serving
from tests.kit.database import Database
from tests.kit.door import NORTHSIDE, Door, a_door
from tests.kit.referrals import a_payload, numbered, resource_of, taken

FEW, MANY = 1_000, 100_000
PLACERS = 10
TIMES = 60
"""How often each question is asked in one repetition, each time for another referral."""

RECENT = 10_000
"""Of so many, the newest, some are still open: a clinic's work under way is that of some weeks,
however much lies behind it."""

KINDS = (("clean", 88), ("clean", 6), ("anticoagulated", 4), ("active-infection", 2))
"""Payloads, and their share of a hundred recent ones.

The first becomes one that is finished; the others are cleared, in review, contraindicated.
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question: its name in the table, who asks, and the address for one copy's number."""

    what: str
    who: str
    address: Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Prototypes:
    """What was taken by the flows and is copied: ids without their mark, and whose they are."""

    shares: dict[UUID, int]
    places: dict[str, str]
    placers: list[UUID]


def questions(places: dict[str, str], owner: str, code: str) -> list[Asked]:
    """What is asked; `places` leads from a type to the id of a copy, without its number."""
    patient = quote(f"{NORTHSIDE.patient[0]}|MRN-")
    return [
        Asked(
            what="staff: Tasks in review",
            who="clinician",
            address=lambda _: "/fhir/Task?business-status=in-review",
        ),
        Asked(
            what="staff: Tasks contraindicated, the longest first",
            who="clinician",
            address=lambda _: "/fhir/Task?business-status=contraindicated&_sort=_lastUpdated",
        ),
        Asked(
            what="staff: Tasks received or accepted",
            who="clinician",
            address=lambda _: "/fhir/Task?status=received,accepted",
        ),
        Asked(
            what="staff: Tasks of an owner (all)",
            who="clinician",
            address=lambda _: f"/fhir/Task?owner={owner}",
        ),
        Asked(
            what="staff: a patient by identifier",
            who="clinician",
            address=lambda number: f"/fhir/Patient?identifier={patient}{number}",
        ),
        Asked(
            what="placer: its Tasks of a status",
            who="placer",
            address=lambda _: "/fhir/Task?status=completed",
        ),
        Asked(
            what="placer: its Tasks changed lately",
            who="placer",
            address=lambda _: "/fhir/Task?_lastUpdated=gt2020-01-01",
        ),
        Asked(
            what="placer: the Task of an order",
            who="placer",
            address=lambda number: f"/fhir/Task?focus={places['ServiceRequest']}{number}",
        ),
        Asked(
            what="placer: the conditions of a patient",
            who="placer",
            address=lambda number: f"/fhir/Condition?patient={places['Patient']}{number}",
        ),
        Asked(
            what="placer: a code that each referral has",
            who="placer",
            address=lambda _: f"/fhir/Condition?code={quote(code)}",
        ),
    ]


def measure(on: Machine, repetitions: int) -> list[Figure]:
    """Fill both databases, then ask every question of both, in turn, so many times over."""
    with on.database() as few, on.database() as many:
        return asyncio.run(_measured(on, few, many, repetitions))


async def _measured(on: Machine, few: Database, many: Database, repetitions: int) -> list[Figure]:
    async with _filled(on, few, FEW) as small, _filled(on, many, MANY) as large:
        ratios: dict[str, list[float]] = {}
        slowest: dict[str, list[float]] = {}
        for _ in range(repetitions):
            for asked in small.asked:
                one, other = await small.ask(asked), await large.ask(asked)
                ratios.setdefault(asked.what, []).append(other / one)
                slowest.setdefault(asked.what, []).append(other)
    return [
        Figure(
            what=f"{what}: {MANY:,} beside {FEW:,} referrals"
            f" ({statistics.median(slowest[what]):.1f} ms)",
            values=tuple(found),
            goal=at_most(1.5),
        )
        for what, found in ratios.items()
    ]


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A service over a filled database, and what can be asked of it."""

    port: int
    tokens: dict[str, str]
    asked: list[Asked]
    numbers: list[str]

    async def ask(self, asked: Asked) -> float:
        """Ask for each number and return the median (milliseconds)."""
        took: list[float] = []
        async with clients(self.port, self.tokens[asked.who], 1) as (client,):
            for number in self.numbers:
                begun = time.perf_counter()
                status, body = await client.get(asked.address(number))
                took.append((time.perf_counter() - begun) * 1000)
                if status != 200 or b'"mode":"match"' not in body:
                    raise SystemExit(f"{asked.what}: answered {status}, {body[:300]!r}")
        return statistics.median(took)


@asynccontextmanager
async def _filled(on: Machine, database: Database, size: int) -> AsyncGenerator[Filled]:
    async with a_door(database) as door:
        made = await _prototypes(door, database)
        async with database.as_owner() as conn:
            await fill.copy(conn, _parts(made, size), placers=made.placers)
        with serving(on, database) as web:
            yield Filled(
                port=web.port,
                tokens=door.tokens,
                asked=questions(made.places, _owner(door), _code()),
                numbers=_numbers(size),
            )


async def _prototypes(door: Door, database: Database) -> Prototypes:
    """Take one referral of each kind as the first placer's client, with marked ids."""
    service = door.world.service
    deps = replace(door.deps, new_id=fill.marked_ids())
    shares = dict[UUID, int]()
    for kind, (payload, share) in enumerate(KINDS):
        bundle = numbered(a_payload(payload), fill.MARK if kind == 0 else f"{kind}-{fill.MARK}")
        received = await taken(deps, door.world.client(door.placer), bundle)
        shares[received.referral] = share
    first = next(iter(shares))
    async with database.as_owner() as conn:
        await fill.mark_the_rest(conn)
        await fill.finished(conn, first)
        rows = await conn.fetch("SELECT rtype, rid FROM resource WHERE referral = $1", first)
    others = [
        (await connect_placer(door.world.owner, service, ConnectPlacer(name=f"Placer {one}"))).id
        for one in range(PLACERS - 1)
    ]
    return Prototypes(
        shares=shares,
        places={row["rtype"]: f"{row['rtype']}/{row['rid'][: -len(fill.MARK)]}" for row in rows},
        placers=[door.placer, *others],
    )


def _parts(made: Prototypes, size: int) -> list[fill.Part]:
    """Say which numbers are copies of which: the oldest are all finished."""
    recent = min(RECENT, size)
    finished = {next(iter(made.shares)): 1}
    return [
        fill.Part(first=1, last=size - recent, shares=finished),
        fill.Part(first=size - recent + 1, last=size, shares=made.shares),
    ]


def _owner(door: Door) -> str:
    return f"Organization/{door.world.applied.tenant.organization}"


def _code() -> str:
    """The code of the condition that every payload has."""
    coding = resource_of(a_payload("clean"), "Condition")["code"]["coding"][0]
    return f"{coding['system']}|{coding['code']}"


def _numbers(size: int) -> list[str]:
    """The numbers of finished copies of the first placer, spread over all of them."""
    finished = range(KINDS[0][1])
    ours = [
        one
        for one in range(1, size + 1)
        if one % 100 in finished and (one + one // 100) % PLACERS == 0
    ]
    return [f"{ours[place * len(ours) // TIMES]:06x}" for place in range(TIMES)]
