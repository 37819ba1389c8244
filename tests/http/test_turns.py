"""Messages take turns: in the order in which they came, and never longer than is bearable (L30)."""

import asyncio

import pytest

from fhir_mappings.problems import Code, Refused
from service.turns import Turns


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
