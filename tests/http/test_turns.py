"""Messages take turns: in the order in which they came, and never longer than is bearable (L30)."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from fhir_mappings.problems import Code, Refused
from service.settings import Settings
from service.turns import Turns
from tests.kit.database import Database
from tests.kit.door import a_door
from tests.kit.referrals import a_payload, written

FHIR = {"content-type": "application/fhir+json"}


async def test_who_came_first_is_first() -> None:
    turns, done = Turns(1), list[int]()

    async def work(number: int) -> None:
        async with turns.one():
            await asyncio.sleep(0)
            done.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(work(number))

    assert done == list(range(20))


async def test_no_more_than_so_many_work_at_once() -> None:
    turns, working, most = Turns(3), 0, 0

    async def work() -> None:
        nonlocal working, most
        async with turns.one():
            working += 1
            most = max(most, working)
            await asyncio.sleep(0.001)
            working -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(work())

    assert most == 3


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    turns = Turns(1, wait_seconds=0.01)

    async with turns.one():
        with pytest.raises(Refused) as refused:
            async with turns.one():
                pytest.fail("it had no turn")

    assert [one.code for one in refused.value.problems] == [Code.BUSY]


async def test_a_turn_is_free_again_however_the_work_ended() -> None:
    turns = Turns(1, wait_seconds=0.01)

    async def fail() -> None:
        async with turns.one():
            msg = "it failed"
            raise ValueError(msg)

    async def hang() -> None:
        async with turns.one():
            await asyncio.sleep(60)

    with pytest.raises(ValueError, match="it failed"):
        await fail()
    hanging = asyncio.create_task(hang())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(hang())
    await asyncio.sleep(0)
    for one in (waiting, hanging):
        one.cancel()
    await asyncio.wait([hanging, waiting])

    async with turns.one():
        assert hanging.cancelled()
        assert waiting.cancelled()


async def test_a_transaction_waits_for_its_turn_and_a_read_does_not(database: Database) -> None:
    body = written(a_payload("clean"))
    async with a_door(database) as door, door.client("placer", **FHIR) as client:
        async with AsyncExitStack() as working:
            for _ in range(Settings().messages_at_once):
                await working.enter_async_context(door.deps.turns.one())
            late = await client.post("/fhir", content=body)
            read = await client.get("/fhir/Patient")
        again = await client.post("/fhir", content=body)

    assert (late.status_code, read.status_code, again.status_code) == (503, 200, 200)
    assert int(late.headers["retry-after"]) >= 1
