"""Many workers, lost answers, leases taken from the living: still one Procedure per visit."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from fhir_mappings.model.stage import Stage
from service.workers.outbox import run_outbox
from service.workers.wake import Wake
from tests.kit.database import Database
from tests.kit.lying_placer import Lie
from tests.kit.visiting import Visiting, a_visiting_clinic

REFERRALS = 8
KINDS = ("hang-after", "cut", "conflict-after", "status", "html", "hang")


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database) as one:
        yield one


async def trouble(clinic: Visiting, chance: random.Random, stop: asyncio.Event) -> None:
    """Let time pass quickly, answers get lost, and leases be taken from whoever has them."""
    while not stop.is_set():
        lie = chance.choice(KINDS)
        method = "POST" if lie == "conflict-after" else ""
        clinic.server.lies = [Lie(lie, method, times=1, status=200 if lie == "html" else 503)]
        if chance.random() < 0.3:
            await clinic.booking.world.owner.pool.execute(
                "UPDATE outbox SET lease_until = clock_timestamp() - interval '1 s'"
                " WHERE state = 'leased'"
            )
        clinic.clock.forward(seconds=20)
        await asyncio.sleep(0.1)


async def all_written_back(clinic: Visiting) -> bool:
    stages = await clinic.booking.world.owner.pool.fetch("SELECT stage FROM referral")
    return {one["stage"] for one in stages} == {Stage.WRITTEN_BACK.value}


@pytest.mark.parametrize("seed", [1, 2])
async def test_one_procedure_per_visit_whatever_gets_lost(clinic: Visiting, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    for number in range(REFERRALS):
        await clinic.a_performed_referral(str(number))
    await clinic.booking.world.owner.pool.execute(
        "UPDATE outbox SET give_up_at = give_up_at + interval '30 days'"
    )
    stop, quiet = asyncio.Event(), asyncio.Event()
    worker = replace(clinic.worker, chance=chance.random)
    workers = [asyncio.create_task(run_outbox(worker, stop, Wake())) for _ in range(3)]
    storm = asyncio.create_task(trouble(clinic, chance, quiet))

    await asyncio.sleep(6)
    quiet.set()
    await storm
    clinic.server.lies.clear()
    async with asyncio.timeout(30):
        while not await all_written_back(clinic):
            clinic.clock.forward(seconds=60)
            await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*workers)

    visits = Counter(one["identifier"][0]["value"] for one in clinic.server.of_type("Procedure"))
    doses = clinic.server.of_type("MedicationAdministration")
    proven = await clinic.booking.world.owner.pool.fetchval(
        "SELECT count(*) FROM delivery WHERE kind = 'write-back' AND outcome = 'proven'"
    )
    assert len(visits) == REFERRALS
    assert set(visits.values()) == {1}
    assert len({one["identifier"][0]["value"] for one in doses}) == len(doses) == REFERRALS
    assert proven == REFERRALS
