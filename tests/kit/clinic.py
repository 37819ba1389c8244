"""The clinic of example 18, applied as its owner does, and the world flows are given."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from fhir_mappings.model.caller import Caller, Role, service_caller
from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.shape import Shape
from service.clients.desk import Desk, limits
from service.clients.egress import Egress
from service.content.definitions import load_shape
from service.content.load import load_pack
from service.deps import Deps, new_id, no_hint
from service.flows.apply_clinic import ApplyClinic, ClinicApplied, apply_clinic
from service.settings import Settings
from service.store.owner import make_owner_pool
from service.store.pool import Pool
from service.turns import Turns
from tests.kit.database import Database

FILE = Path("tests/data/payloads/examples/18-clinic.json")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""The day for which the payloads are written (07:00 in the clinic)."""
CLINICIAN = "0199a0aa-1111-7222-8333-44445555a001"
SCHEDULER = "0199a0aa-1111-7222-8333-44445555a002"
SCHEDULE = "0199a0aa-1111-7222-8333-44445555e001"


@dataclass
class Clock:
    """A clock that tests move; flows are given `read`."""

    at: datetime = NOW

    def read(self) -> datetime:
        return self.at

    def forward(self, **delta: float) -> None:
        self.at += timedelta(**delta)


@cache
def the_pack() -> Pack:
    return load_pack()


@cache
def the_shape() -> Shape:
    return load_shape()


def deps_of(pool: Pool, now: Callable[[], datetime]) -> Deps:
    settings = Settings()
    return Deps(
        pool=pool,
        settings=settings,
        pack=the_pack(),
        shape=the_shape(),
        now=now,
        new_id=new_id,
        wake=no_hint,
        desk=Desk(Egress(limits(settings))),
        turns=Turns(settings.messages_at_once),
    )


def the_file() -> Tree:
    bundle: Tree = json.loads(FILE.read_text())
    return bundle


def part(bundle: Tree, rtype: str, ending: str = "") -> Tree:
    """Return a resource of the file, to look at or change."""
    resources = [members(members(one).get("resource")) for one in items(bundle.get("entry"))]
    return next(
        one
        for one in resources
        if one.get("resourceType") == rtype and text(one, "id").endswith(ending)
    )


def with_a_second_room() -> Tree:
    """Return the file with a second clinician who has the same hours in a room of their own."""
    bundle = the_file()
    text_of = json.dumps([one for one in items(bundle["entry"]) if _belongs_to_clinician(one)])
    for known in ("a001", "a101", "b001", "e001"):
        text_of = text_of.replace(f"44445555{known}", f"44446666{known}")
    entries = items(bundle["entry"])
    bundle["entry"] = [*entries, *json.loads(text_of)]
    return bundle


def _belongs_to_clinician(entry: Json) -> bool:
    rid = text(entry, "resource", "id")
    return rid[-4:] in {"a001", "a101", "b001", "e001"}


@dataclass
class ClinicWorld:
    """One clinic in one database: its owner's world, and whoever asks."""

    owner: Deps
    clock: Clock
    applied: ClinicApplied
    people: dict[str, UUID] = field(default_factory=dict[str, UUID])

    @property
    def tenant(self) -> UUID:
        return self.applied.tenant.id

    async def apply(self, bundle: Tree) -> ClinicApplied:
        return await apply_clinic(self.owner, ApplyClinic(body=json.dumps(bundle).encode()))

    def staff(self, *roles: Role, practitioner: str = SCHEDULER) -> Caller:
        return Caller(
            tenant=self.tenant,
            zone=self.applied.tenant.zone,
            name="a person",
            person=self.people[practitioner],
            practitioner=practitioner,
            roles=frozenset(roles),
        )

    @property
    def scheduler(self) -> Caller:
        return self.staff(Role.SCHEDULER)

    @property
    def service(self) -> Caller:
        return service_caller(self.tenant, self.applied.tenant.zone)

    def client(self, placer: UUID) -> Caller:
        return Caller(
            tenant=self.tenant, zone=self.applied.tenant.zone, name="a placer", placer=placer
        )


@asynccontextmanager
async def a_clinic(database: Database, bundle: Tree | None = None) -> AsyncGenerator[ClinicWorld]:
    """Lend the applied clinic; its clock stands at `NOW` until a test moves it."""
    clock = Clock()
    async with make_owner_pool(database.urls.owner) as pool:
        deps = deps_of(pool, clock.read)
        body = json.dumps(bundle or the_file()).encode()
        applied = await apply_clinic(deps, ApplyClinic(body=body))
        world = ClinicWorld(owner=deps, clock=clock, applied=applied)
        rows = await pool.fetch("SELECT id, practitioner FROM person")
        world.people.update({row["practitioner"]: row["id"] for row in rows})
        yield world
