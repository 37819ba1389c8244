"""Work done a number at a time, or as it arrives; and how long each piece took."""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Work: TypeAlias = Callable[[int], Awaitable[None]]
"""One piece of work; it is told which lane it runs in."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run: how many a second, and what one takes (milliseconds)."""

    per_second: float
    p50: float
    p99: float


async def timed(work: Sequence[Work], *, lanes: int) -> Measured:
    """Do the work, so many at a time: the next begins when one has ended."""
    waiting = list(reversed(work))
    took: list[float] = []

    async def lane(number: int) -> None:
        while waiting:
            one = waiting.pop()
            begun = time.perf_counter()
            await one(number)
            took.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    await asyncio.gather(*(lane(number) for number in range(lanes)))
    return measured(took, time.perf_counter() - begun)


async def arriving(
    work: Sequence[Work], *, per_second: float, lanes: int, seed: int = 1
) -> Measured:
    """Do the work as it arrives, whatever is still under way: at random moments of that rate.

    A piece that waits for a lane has been waiting since it arrived: its time counts from there.
    """
    chance = random.Random(seed)  # noqa: S311 - the moments of arrivals
    free: asyncio.Queue[int] = asyncio.Queue()
    for number in range(lanes):
        free.put_nowait(number)
    took: list[float] = []
    begun = time.perf_counter()

    async def arrived(one: Work, at: float) -> None:
        lane = await free.get()
        await one(lane)
        free.put_nowait(lane)
        took.append((time.perf_counter() - at) * 1000)

    due = begun
    async with asyncio.TaskGroup() as running:
        for one in work:
            due += chance.expovariate(per_second)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            running.create_task(arrived(one, due))
    return measured(took, time.perf_counter() - begun)


def measured(took: Sequence[float], seconds: float) -> Measured:
    """Sum up what `took` milliseconds each and `seconds` in all."""
    cuts = statistics.quantiles(took, n=100)
    return Measured(per_second=len(took) / seconds, p50=cuts[49], p99=cuts[98])
