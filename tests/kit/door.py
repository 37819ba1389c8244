"""The HTTP door of one clinic over a real database: two placers and its people, by their tokens."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import httpx2

from fhir_mappings.model.placer import Systems
from service.deps import Deps, new_id
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.issue_token import IssueToken, issue_token
from service.http.app import make_app
from service.settings import Settings
from service.store.pool import make_pool
from tests.kit import emitted, left_behind
from tests.kit.clinic import CLINICIAN, SCHEDULER, ClinicWorld, a_clinic, deps_of
from tests.kit.database import Database

BASE = "http://clinic.example"
FHIR = f"{BASE}/fhir"
NORTHSIDE = Systems(
    order=("https://ehr.northside.example/order",),
    patient=("https://ehr.northside.example/mrn",),
    practitioner=("http://hl7.org/fhir/sid/us-npi",),
    organization=("https://ehr.northside.example/org",),
)
JSON = {"content-type": "application/fhir+json"}


@dataclass
class Door:
    """The door, who may pass it, and the world behind it."""

    world: ClinicWorld
    deps: Deps
    app: Any
    placer: UUID
    other: UUID
    tokens: dict[str, str] = field(default_factory=dict[str, str])

    def client(self, who: str | None, **headers: str) -> httpx2.AsyncClient:
        """A client of the app in the test's own loop; `who` names a token, None has none."""
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        bearer = {"authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return httpx2.AsyncClient(
            transport=transport,
            base_url=BASE,
            headers={**bearer, **headers},
            event_hooks={"response": [emitted.keep_answer, left_behind.search_answer]},
        )


@asynccontextmanager
async def a_door(
    database: Database, *, rate_per_second: float = 10_000, burst: int = 10_000
) -> AsyncGenerator[Door]:
    """Lend the door; its budget per client is beyond what a test spends, unless it is said."""
    async with (
        a_clinic(database) as world,
        make_pool(database.urls.web, role="web", least=1) as pool,
    ):
        deps = replace(
            deps_of(pool, world.clock.read),
            settings=Settings(
                public_url=BASE, client_rate_per_second=rate_per_second, client_burst=burst
            ),
        )
        placer, other = [await _placer(world, name) for name in ("Northside", "Southside")]
        door = Door(world=world, deps=deps, app=make_app(deps), placer=placer, other=other)
        door.tokens |= {
            "placer": await _token(world, placer=placer),
            "other": await _token(world, placer=other),
            "clinician": await _token(world, person=world.people[CLINICIAN]),
            "scheduler": await _token(world, person=world.people[SCHEDULER]),
            "operator": await _token(world, person=await _operator(world)),
        }
        yield door


async def _placer(world: ClinicWorld, name: str) -> UUID:
    command = ConnectPlacer(name=name, systems=NORTHSIDE)
    return (await connect_placer(world.owner, world.service, command)).id


async def _operator(world: ClinicWorld) -> UUID:
    """A person of the clinic who operates and treats nobody; the clinic's file has none."""
    found = new_id()
    await world.owner.pool.execute(
        "INSERT INTO person (tenant, id, practitioner, name, roles, made_at)"
        " VALUES ($1, $2, 'operator', 'an operator', '{operator}', $3)",
        world.tenant,
        found,
        world.clock.at,
    )
    return found


async def _token(
    world: ClinicWorld, *, placer: UUID | None = None, person: UUID | None = None
) -> str:
    command = IssueToken(placer=placer, person=person, days=30)
    return (await issue_token(world.owner, world.service, command)).token
