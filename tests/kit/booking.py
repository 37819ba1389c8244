"""Cleared referrals in a clinic with windows, and the acts of those who book them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace

from fhir_mappings.model.caller import Caller, Role
from fhir_mappings.model.json import Identity, Tree, encode
from fhir_mappings.model.proposal import Answer, Answered, Proposal
from fhir_mappings.model.stage import Stage
from fhir_mappings.model.window import Window
from fhir_mappings.parse.bundle import Entry, Method
from service.deps import Deps, new_id
from service.flows.answer_proposal import AnswerProposal, ProposalAnswered, answer_proposal
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.propose import Propose, Proposed, propose
from service.flows.store_resources import StoreResources, store_resources
from service.store import proposals, referrals, resources, windows
from service.store.pool import Conn, make_pool
from service.store.transaction import transaction
from tests.kit.clinic import CLINICIAN, ClinicWorld, a_clinic, deps_of
from tests.kit.database import Database
from tests.kit.door import NORTHSIDE
from tests.kit.referrals import a_payload, numbered, resource_of, taken

FAR = datetime(2027, 12, 31, tzinfo=UTC)


@dataclass
class Booking:
    """A clinic, one placer, and the world of the web process."""

    world: ClinicWorld
    deps: Deps
    worker: Deps
    placer: UUID

    @property
    def scheduler(self) -> Caller:
        return self.world.scheduler

    @property
    def clinician(self) -> Caller:
        return self.world.staff(Role.CLINICIAN, practitioner=CLINICIAN)

    @property
    def client(self) -> Caller:
        return self.world.client(self.placer)

    async def a_referral(self, number: str = "1") -> UUID:
        """A clean order for a patient of its own: it is cleared at once."""
        received = await taken(self.deps, self.client, numbered(a_payload("clean"), number))
        assert received.stage is Stage.CLEARED
        return received.referral

    async def many_referrals(self, how_many: int, *, first: int = 1) -> list[UUID]:
        """Clean orders for patients of their own, taken eight at a time."""
        turn = asyncio.Semaphore(8)

        async def one(number: int) -> UUID:
            async with turn:
                return await self.a_referral(str(number))

        return await asyncio.gather(*(one(first + place) for place in range(how_many)))

    async def twin_windows(self, windows_: list[Window]) -> list[Window]:
        """The same times and clinician, in another room, on another Schedule."""
        twins = [
            replace(one, id=new_id(), schedule="twin", location="another-room") for one in windows_
        ]
        pool = self.world.owner.pool
        await pool.execute(
            "INSERT INTO schedule (tenant, rid, practitioner, location, words, zone,"
            " visit_minutes, buffer_minutes) SELECT tenant, 'twin', practitioner, 'another-room',"
            " words, zone, visit_minutes, buffer_minutes FROM schedule"
        )
        for twin in twins:
            await pool.execute(
                "INSERT INTO open_window (tenant, id, schedule_rid, practitioner, location, starts,"
                " ends, busy_until, updated_at) VALUES ($1, $2, 'twin', $3, $4, $5, $6, $7, $5)",
                self.world.tenant,
                twin.id,
                twin.practitioner,
                twin.location,
                twin.start,
                twin.end,
                twin.busy_until,
            )
        return twins

    async def another_order(self, number: str, order: str) -> UUID:
        """A second clean order for the patient of an earlier one."""
        bundle = numbered(a_payload("clean"), number)
        resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] = order
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "ServiceRequest":
                entry["request"].pop("ifNoneExist", None)
        received = await taken(self.deps, self.client, bundle)
        assert received.stage is Stage.CLEARED
        return received.referral

    async def another_placer(self) -> UUID:
        command = ConnectPlacer(name="Southside", systems=NORTHSIDE)
        return (await connect_placer(self.world.owner, self.world.service, command)).id

    async def starts_a_medication(self, referral: UUID) -> None:
        """The patient's record is sent a medication that a clinician must look at."""
        async with self._looking() as conn:
            case = await referrals.find(conn, self.world.tenant, referral)
        tree: Tree = resource_of(a_payload("anticoagulated"), "MedicationStatement")
        tree["subject"] = {"reference": f"Patient/{case.patient_rid}"}
        await store_resources(
            self.deps, self.client, StoreResources(entries=(posted("MedicationStatement", tree),))
        )

    async def windows(self, most: int = 300) -> list[Window]:
        """The free windows, the earliest first."""
        at = self.world.clock.at
        async with transaction(
            self.deps.pool, tenant=self.world.tenant, placer=self.scheduler.reach
        ) as conn:
            return await windows.free(conn, start=at, end=FAR, at=at, most=most)

    async def propose(
        self, referral: UUID, *named: Window, caller: Caller | None = None, said_by: str = ""
    ) -> Proposed:
        """Propose windows by name, or by the policy "earliest" where none is named."""
        command = Propose(
            referral=referral, windows=tuple(one.id for one in named), said_by=said_by
        )
        return await propose(self.deps, caller or self.scheduler, command)

    async def answer(
        self,
        appointment: str,
        answer: Answer = Answer.ACCEPTED,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        caller: Caller | None = None,
        comment: str = "",
    ) -> ProposalAnswered:
        """Answer as the placer's client does, by an AppointmentResponse."""
        said = Answered(
            appointment=appointment,
            actor="Location/of-the-practice",
            answer=answer,
            start=start,
            end=end,
            comment=comment,
        )
        command = AnswerProposal(
            answered=said, response=posted("AppointmentResponse", response(said))
        )
        return await answer_proposal(self.deps, caller or self.client, command)

    async def stage(self, referral: UUID) -> Stage:
        async with self._looking() as conn:
            return (await referrals.find(conn, self.world.tenant, referral)).stage

    async def proposals(self, referral: UUID) -> list[Proposal]:
        async with self._looking() as conn:
            case = await referrals.find(conn, self.world.tenant, referral)
            return await proposals.of_referral(conn, case)

    async def shown(self, rtype: str, rid: str) -> Tree:
        """A resource of the placer's space as it stands now."""
        async with self._looking() as conn:
            found = await resources.find(
                conn, self.world.tenant, self.placer, Identity(rtype=rtype, rid=rid)
            )
            assert found
            return found.tree

    async def holds(self) -> dict[str, int]:
        """How many holds there are, by state."""
        rows = await self.world.owner.pool.fetch(
            "SELECT state, count(*) AS n FROM hold GROUP BY state"
        )
        return {row["state"]: row["n"] for row in rows}

    async def jobs(self, kind: str) -> list[UUID]:
        rows = await self.world.owner.pool.fetch(
            "SELECT referral FROM outbox WHERE kind = $1", kind
        )
        return [row["referral"] for row in rows]

    def _looking(self) -> AbstractAsyncContextManager[Conn]:
        return transaction(self.deps.pool, tenant=self.world.tenant, placer=self.scheduler.reach)


def response(said: Answered) -> Tree:
    """The AppointmentResponse that says so."""
    tree: Tree = {
        "resourceType": "AppointmentResponse",
        "appointment": {"reference": f"Appointment/{said.appointment}"},
        "actor": {"reference": said.actor},
        "participantStatus": said.answer.value,
    }
    if said.start and said.end:
        tree |= {"start": said.start.isoformat(), "end": said.end.isoformat()}
    if said.comment:
        tree["comment"] = said.comment
    return tree


def posted(rtype: str, tree: Tree) -> Entry:
    """A resource posted by itself, as the door hands it on."""
    return Entry(
        place=0,
        full_url="",
        method=Method.POST,
        rtype=rtype,
        rid="",
        condition="",
        if_match="",
        tree=tree,
        raw=encode(tree),
    )


@asynccontextmanager
async def a_booking_clinic(
    database: Database, *, bundle: Tree | None = None, connections: int = 10
) -> AsyncGenerator[Booking]:
    """Lend the clinic of example 18 with one placer, over a pool as the web process has it."""
    async with (
        a_clinic(database, bundle) as world,
        make_pool(database.urls.web, role="web", least=1, most=connections) as pool,
        make_pool(database.urls.worker, role="worker", least=1) as worker,
    ):
        placer = await connect_placer(
            world.owner, world.service, ConnectPlacer(name="Northside", systems=NORTHSIDE)
        )
        yield Booking(
            world=world,
            deps=deps_of(pool, world.clock.read),
            worker=deps_of(worker, world.clock.read),
            placer=placer.id,
        )
