"""Referrals that were booked and performed, and placers with a server of their own."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from fhir_mappings.model.job import Job
from fhir_mappings.model.placer import Tells
from fhir_mappings.model.proposal import Proposal
from fhir_mappings.parse import guard
from fhir_mappings.parse.bundle import Entry, entries
from fhir_mappings.render.transaction_response import Done
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from service.clients.egress import Deadlines, Egress
from service.clients.placers import Placers
from service.deps import Deps
from service.flows.claim_deliveries import claim_deliveries
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.record_arrival import Arrived, RecordArrival, record_arrival
from service.flows.record_visit import RecordVisit, record_visit
from service.workers.outbox import work
from service.workers.wake import Wake
from tests.kit.booking import Booking, a_booking_clinic
from tests.kit.clinic import CLINICIAN, Clock
from tests.kit.database import Database
from tests.kit.door import NORTHSIDE
from tests.kit.lying_placer import LyingPlacer, serving
from tests.kit.referrals import a_payload, numbered, resource_of

VISIT = Path("tests/data/payloads/examples/17-visit.json")
Bundle = dict[str, Any]
QUICK = Deadlines(
    connect_seconds=1.5, read_seconds=1.5, total_seconds=2.5, calls_per_second=100_000
)
"""A placer that does not answer costs a test two seconds, not twenty; a busy one has time to."""


@dataclass
class Visiting:
    """A clinic with booked patients of one placer, whose server a test can make lie."""

    booking: Booking
    server: LyingPlacer
    worker: Deps

    @property
    def clock(self) -> Clock:
        return self.booking.world.clock

    async def a_booked_referral(self, number: str = "1") -> tuple[UUID, Proposal]:
        """A clean order that the placer's server holds, accepted for the earliest window."""
        self.server.holds(*held_there(number))
        referral = await self.booking.a_referral(number)
        return referral, await self.booked(referral)

    async def booked(self, referral: UUID) -> Proposal:
        """Propose to a referral and accept the earliest window."""
        offered = (await self.booking.propose(referral)).appointments
        await self.booking.answer(offered[0].identity.rid)
        booked = {str(one.id): one for one in await self.booking.proposals(referral)}
        return booked[offered[0].identity.rid]

    async def arrive(self, appointment: Proposal) -> Arrived:
        self.booking.world.clock.at = appointment.start
        command = RecordArrival(appointment=appointment.id)
        return await record_arrival(self.booking.deps, self.booking.clinician, command)

    async def a_visit(self, referral: UUID, appointment: Proposal) -> Bundle:
        """Example 17 for this Appointment, ten minutes from its start."""
        row = await self.booking.world.owner.pool.fetchrow(
            "SELECT order_rid, patient_rid FROM referral WHERE id = $1", referral
        )
        assert row
        return a_visit(
            appointment, order=row["order_rid"], patient=row["patient_rid"], at=appointment.start
        )

    async def record(self, bundle: Bundle) -> tuple[Done, ...]:
        command = RecordVisit(entries=entries_of(bundle))
        return await record_visit(self.booking.deps, self.booking.clinician, command)

    async def a_performed_referral(self, number: str = "1") -> UUID:
        """Arrived and performed; the write-back waits in the outbox."""
        referral, appointment = await self.a_booked_referral(number)
        await self.perform(referral, appointment)
        return referral

    async def perform(self, referral: UUID, appointment: Proposal) -> None:
        """Let the patient arrive and be treated."""
        await self.arrive(appointment)
        self.clock.forward(minutes=30)
        await self.record(await self.a_visit(referral, appointment))

    async def claimed(self, most: int = 100) -> list[Job]:
        return await claim_deliveries(self.worker, most=most)

    async def run_due(self) -> int:
        """Do everything that is due at the clock's moment, until nothing is; say how much."""
        done = 0
        while jobs := await self.claimed():
            for job in jobs:
                await work(self.worker, job, Wake())
            done += len(jobs)
        return done

    async def forward_and_run(self, **delta: float) -> int:
        """Move the clock, then do everything that is due."""
        self.clock.forward(**delta)
        return await self.run_due()

    async def move_server(self, base: str) -> None:
        """Register another base for the placer: its server moved, or is gone."""
        await self.booking.world.owner.pool.execute(
            "UPDATE placer SET base = $2 WHERE id = $1", self.booking.placer, base
        )

    async def waiting(self, kind: str = "write-back") -> list[tuple[str, str]]:
        """State and code of the jobs of a kind that are left."""
        rows = await self.booking.world.owner.pool.fetch(
            "SELECT state, code FROM outbox WHERE kind = $1 ORDER BY id", kind
        )
        return [(row["state"], row["code"]) for row in rows]

    async def writeback_code(self, referral: UUID) -> str:
        """Why the write-back of a referral waits, in words of a closed set."""
        code: str = await self.booking.world.owner.pool.fetchval(
            "SELECT code FROM writeback WHERE referral = $1", referral
        )
        return code

    async def task(self, referral: UUID) -> Bundle:
        return await self.booking.shown("Task", str(referral))

    def another(self, booking: Booking, server: LyingPlacer) -> "Visiting":
        return replace(self, booking=booking, server=server)


def a_visit(appointment: Proposal, *, order: str, patient: str, at: datetime) -> Bundle:
    bundle: Bundle = json.loads(VISIT.read_text())
    for entry in bundle["entry"]:
        one = entry["resource"]
        one["subject"] = {"reference": f"Patient/{patient}"}
        period = {"start": at.isoformat(), "end": (at + timedelta(minutes=10)).isoformat()}
        if one["resourceType"] == "Procedure":
            one["extension"][0]["valueReference"] = {"reference": f"Appointment/{appointment.id}"}
            one["basedOn"] = [{"reference": f"ServiceRequest/{order}"}]
            one["performedPeriod"] = period
            one["performer"][0]["actor"] = {"reference": f"Practitioner/{CLINICIAN}"}
            one.pop("identifier")
        else:
            one["effectivePeriod"] = period
    return bundle


def entries_of(bundle: Bundle) -> tuple[Entry, ...]:
    body = json.dumps(bundle).encode()
    return entries(guard.read(body), guard.slices(body), types=RESOURCE_TYPES)


def part_of(bundle: Bundle, rtype: str) -> Bundle:
    return resource_of(bundle, rtype)


def held_there(number: str) -> Sequence[Bundle]:
    """Patient and order as the placer's own server holds them before it refers."""
    bundle = numbered(a_payload("clean"), number)
    patient = {**resource_of(bundle, "Patient"), "id": f"p-{number}"}
    order = {**resource_of(bundle, "ServiceRequest"), "id": f"sr-{number}"}
    return patient, order


@asynccontextmanager
async def a_visiting_clinic(
    database: Database, *, tells: Tells = Tells.POLL, keeps: tuple[str, ...] = ()
) -> AsyncGenerator[Visiting]:
    """Lend the clinic with one placer whose server answers on loopback."""
    placers = Placers(Egress(QUICK))
    async with a_booking_clinic(database) as booking, serving(LyingPlacer()) as server:
        try:
            yield Visiting(
                booking=replace(
                    booking,
                    placer=await a_placer(booking, server, "Westside", tells=tells, keeps=keeps),
                ),
                server=server,
                worker=replace(booking.worker, placers=placers, chance=lambda: 0.5),
            )
        finally:
            await placers.aclose()


async def a_placer(
    booking: Booking,
    server: LyingPlacer,
    name: str,
    *,
    tells: Tells = Tells.POLL,
    keeps: tuple[str, ...] = (),
) -> UUID:
    command = ConnectPlacer(
        name=name,
        base=server.base,
        internal=True,
        tells=tells,
        systems=NORTHSIDE,
        keeps=keeps,
    )
    return (await connect_placer(booking.world.owner, booking.world.service, command)).id
