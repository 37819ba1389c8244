"""Booking contention: sixteen clients on few windows, beside PostgreSQL alone.

Four referrals want each window and sixteen ask at a time; whoever holds it accepts. PostgreSQL
alone holds and books as many by the same two statements, each in a transaction of its own.
The flows run in this process: their clock is the payloads' day.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from fhir_mappings.model.json import Tree
from fhir_mappings.model.window import Window
from fhir_mappings.problems import Refused
from service.deps import new_id
from service.flows.propose import Proposed
from service.store.pool import Pool, make_pool
from service.store.statements import sql
from service.store.transaction import transaction
from tests.bench import fill
from tests.bench.figures import Figure, at_most
from tests.bench.lanes import Measured, Work, timed
from tests.bench.machine import Machine, at_rest
from tests.kit.booking import FAR, Booking, a_booking_clinic
from tests.kit.clinic import part, the_file
from tests.kit.database import Database

CLIENTS = 16
WINDOWS = 100
RIVALS = 4
"""How many referrals want each window."""


@dataclass(frozen=True, kw_only=True)
class Booked:
    """What one repetition found: attempts and bookings a second, and what stands twice."""

    held: Measured
    accepted: Measured
    overlaps: int


@dataclass
class Alone:
    """The same windows and referrals, for statements alone."""

    pool: Pool
    clinic: Booking
    holds: list[UUID]

    async def run(self, wanted: Sequence[tuple[UUID, Window]]) -> Booked:
        """Hold each window that is wanted, then book what is held."""
        held = await timed([self._hold(*one) for one in wanted], lanes=CLIENTS)
        accepted = await timed([self._book(one) for one in self.holds], lanes=CLIENTS)
        return Booked(held=held, accepted=accepted, overlaps=await _overlaps(self.clinic))

    def _hold(self, referral: UUID, window: Window) -> Work:
        at, tenant = self.clinic.world.clock.at, self.clinic.world.tenant
        hold, named = new_id(), True
        patient, placer = str(referral), self.clinic.placer
        said = (window.id, hold, placer, referral, patient, at, FAR, named)

        async def run(_: int) -> None:
            async with transaction(self.pool, tenant=tenant, placer="*") as conn:
                if await conn.fetchval(sql("hold_window"), *said):
                    self.holds.append(hold)

        return run

    def _book(self, hold: UUID) -> Work:
        at, tenant = self.clinic.world.clock.at, self.clinic.world.tenant

        async def run(_: int) -> None:
            async with transaction(self.pool, tenant=tenant, placer="*") as conn:
                await conn.fetchval(sql("book_hold"), tenant, hold, at)

        return run


def measure(on: Machine, repetitions: int) -> list[Figure]:
    """Measure each repetition on two databases of its own."""
    pairs = [_repetition(on) for _ in range(repetitions)]
    return [
        Figure(
            what="bookings of one time by two",
            values=tuple(float(one.overlaps + other.overlaps) for one, other in pairs),
            goal=at_most(0),
        ),
        Figure(
            what=f"accepting, {CLIENTS} clients, beside PostgreSQL alone booking the holds",
            values=tuple(
                one.accepted.per_second / other.accepted.per_second for one, other in pairs
            ),
        ),
        Figure(
            what=f"proposing, {RIVALS} for each window, beside PostgreSQL alone holding them",
            values=tuple(one.held.per_second / other.held.per_second for one, other in pairs),
        ),
        Figure(
            what=f"accepting, {CLIENTS} clients",
            unit="a second",
            values=tuple(one.accepted.per_second for one, _ in pairs),
        ),
        Figure(
            what=f"proposing, {RIVALS} for each window",
            unit="a second",
            values=tuple(one.held.per_second for one, _ in pairs),
        ),
    ]


def _repetition(on: Machine) -> tuple[Booked, Booked]:
    with on.database() as one, on.database() as other:
        return asyncio.run(_by_flows(one)), asyncio.run(_by_statements(other))


async def _by_flows(database: Database) -> Booked:
    async with a_booking_clinic(
        database, bundle=_with_many_windows(), connections=CLIENTS
    ) as clinic:
        # no copies: what was found of each is known by ids that follow from its own
        referrals = await clinic.many_referrals(WINDOWS * RIVALS)
        await at_rest(database)
        wanted = await _wanted(clinic, referrals)
        appointments: list[str] = []

        def proposing(referral: UUID, window: Window) -> Work:
            async def run(_: int) -> None:
                try:
                    offered: Proposed = await clinic.propose(referral, window)
                except Refused:
                    return
                appointments.append(offered.appointments[0].identity.rid)

            return run

        def accepting(appointment: str) -> Work:
            async def run(_: int) -> None:
                await clinic.answer(appointment)

            return run

        held = await timed([proposing(*one) for one in wanted], lanes=CLIENTS)
        accepted = await timed([accepting(one) for one in appointments], lanes=CLIENTS)
        return Booked(held=held, accepted=accepted, overlaps=await _overlaps(clinic))


async def _by_statements(database: Database) -> Booked:
    async with (
        a_booking_clinic(database, bundle=_with_many_windows()) as clinic,
        make_pool(database.urls.web, role="web", least=CLIENTS, most=CLIENTS) as pool,
    ):
        wanted = await _wanted(clinic, await _copied(clinic, database))
        return await Alone(pool=pool, clinic=clinic, holds=[]).run(wanted)


async def _copied(clinic: Booking, database: Database) -> list[UUID]:
    """Copy a cleared referral."""
    marked = replace(clinic, deps=replace(clinic.deps, new_id=fill.marked_ids()))
    async with database.as_owner() as conn:
        referral = await marked.a_referral(fill.MARK)
        await fill.mark_the_rest(conn)
        copies = fill.Part(first=1, last=WINDOWS * RIVALS, shares={referral: 1})
        await fill.copy(conn, [copies], placers=[clinic.placer])
        rows = await conn.fetch("SELECT id FROM referral WHERE id <> $1 ORDER BY id", referral)
    await at_rest(database)
    return [row["id"] for row in rows]


async def _wanted(clinic: Booking, referrals: Sequence[UUID]) -> list[tuple[UUID, Window]]:
    """Say which referral wants which window: rivals come together."""
    windows = (await clinic.windows())[:WINDOWS]
    return [(one, windows[place // RIVALS]) for place, one in enumerate(referrals)]


def _with_many_windows() -> Tree:
    """Return the clinic with five windows on each working day of some weeks."""
    bundle = the_file()
    part(bundle, "PractitionerRole", "a101")["availableTime"] = [
        {
            "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
            "availableStartTime": "09:30:00",
            "availableEndTime": "12:40:00",
        }
    ]
    part(bundle, "Schedule")["planningHorizon"] = {"start": "2026-12-01", "end": "2027-01-31"}
    return bundle


async def _overlaps(clinic: Booking) -> int:
    """Count pairs of living holds over one clinician's or one room's time."""
    found: int = await clinic.world.owner.pool.fetchval(
        "SELECT count(*) FROM hold a JOIN hold b ON a.id < b.id"
        " WHERE a.state <> 'released' AND b.state <> 'released'"
        " AND (a.practitioner = b.practitioner OR a.location = b.location)"
        " AND tstzrange(a.starts, a.busy_until) && tstzrange(b.starts, b.busy_until)"
    )
    return found
