"""Messages that come at once: one order is one referral, one person one person, no drug missed.

`--rounds` says how often each race is run (SECURITY §7: 1,000 in CI).
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.stage import Stage
from service.deps import Deps
from service.flows.receive_referral import Received
from service.flows.rescreen_referral import RescreenReferral, rescreen_referral
from service.flows.store_resources import StoreResources, store_resources
from service.store import referrals
from service.store.pool import Pool, make_pool
from service.store.transaction import transaction
from tests.kit.clinic import deps_of
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.referrals import (
    a_payload,
    numbered,
    posted,
    put,
    remade,
    replaced,
    resource_of,
    taken,
)

T = TypeVar("T")
CONNECTIONS = 16


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    async with a_door(database) as one:
        yield one


@pytest.fixture
async def wide(database: Database) -> AsyncGenerator[Pool]:
    """A pool with a connection for each racer."""
    async with make_pool(
        database.urls.web, role="web", least=CONNECTIONS, most=CONNECTIONS
    ) as pool:
        yield pool


@pytest.fixture
def racing(door: Door, wide: Pool) -> Deps:
    return replace(deps_of(wide, door.world.clock.read), settings=door.deps.settings)


def placer(door: Door) -> Caller:
    service = door.world.service
    return Caller(tenant=service.tenant, zone=service.zone, name="placer", placer=door.placer)


async def at_once(work: Sequence[Awaitable[T]]) -> list[T]:
    return list(await asyncio.gather(*work))


@pytest.mark.timeout(1800)
async def test_the_same_referral_at_once_is_one_with_the_same_locations(
    door: Door, racing: Deps, rounds: int
) -> None:
    chance = random.Random(7)  # noqa: S311 - a test's dice
    caller = placer(door)
    for number in range(rounds):
        bundle = numbered(a_payload(("anticoagulated", "clean")[number % 2]), f"R{number}")
        racers = chance.randint(2, CONNECTIONS)

        received = await at_once(
            [taken(racing, caller, remade(bundle, seed), seed) for seed in range(racers)]
        )

        assert len({one.referral for one in received}) == 1
        assert len({_locations(one) for one in received}) == 1
        assert sorted(one.verdict for one in received) == [
            "accepted",
            *["duplicate"] * (racers - 1),
        ]


@pytest.mark.timeout(1800)
async def test_two_orders_that_bring_the_same_new_practitioner_make_one(
    door: Door, racing: Deps, rounds: int
) -> None:
    caller = placer(door)
    for number in range(rounds):
        orders = [
            replaced(numbered(a_payload("clean"), f"P{number}-{one}"), "9999999995", f"{number}")
            for one in range(2)
        ]

        received = await at_once([taken(racing, caller, one) for one in orders])

        assert len({one.referral for one in received}) == 2
        assert len({_practitioner(one) for one in received}) == 1


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("when", ["before", "beside", "after"])
async def test_a_drug_posted_by_itself_is_found_by_the_screening(
    door: Door, racing: Deps, rounds: int, when: str
) -> None:
    caller = placer(door)
    for number in range(max(rounds // 3, 1)):
        name = f"{when}-{number}"
        referral = put(numbered(a_payload("clean"), f"D{name}"), "Patient", f"patient-{name}")
        drug = _drug_of(f"patient-{name}")
        if when == "before":
            await store_resources(racing, caller, drug)
            received = await taken(racing, caller, referral)
        elif when == "beside":
            received, _ = await asyncio.gather(
                taken(racing, caller, referral), store_resources(racing, caller, drug)
            )
        else:
            received = await taken(racing, caller, referral)
            await store_resources(racing, caller, drug)

        stage = await _stage_after_the_worker(door, received)

        assert stage is Stage.IN_REVIEW, f"{when}, round {number}"


async def _stage_after_the_worker(door: Door, received: Received) -> Stage:
    """The stage once the rescreening that was asked for, if any, has run."""
    service = door.world.service
    async with transaction(door.deps.pool, tenant=service.tenant, placer="*") as conn:
        asked = await conn.fetchval(
            "SELECT count(*) FROM outbox WHERE kind = 'rescreen' AND referral = $1",
            received.referral,
        )
        case = await referrals.find(conn, service.tenant, received.referral)
    if not asked:
        return case.stage
    done = await rescreen_referral(door.deps, service, RescreenReferral(referral=received.referral))
    return done.stage


def _locations(received: Received) -> frozenset[str]:
    return frozenset(one.location for one in received.done)


def _practitioner(received: Received) -> str:
    return next(one.identity.rid for one in received.done if one.identity.rtype == "Practitioner")


def _drug_of(rid: str) -> StoreResources:
    drug = resource_of(a_payload("anticoagulated"), "MedicationStatement")
    return StoreResources(entries=(posted({**drug, "subject": {"reference": f"Patient/{rid}"}}),))
