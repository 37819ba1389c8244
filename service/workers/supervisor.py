"""Start the loops of a worker process, and end them in time."""

import asyncio

from service.deps import Deps
from service.workers.outbox import run_outbox
from service.workers.timers import run_timers
from service.workers.wake import Wake


async def supervise(deps: Deps, stop: asyncio.Event, wake: Wake | None = None) -> None:
    """Run the outbox and the timers until `stop` is set.

    `wake` is the one that `deps.wake` hints to, where doors run in the same process.
    """
    hints = wake or Wake()
    async with asyncio.TaskGroup() as loops:
        loops.create_task(run_outbox(deps, stop, hints))
        loops.create_task(run_timers(deps, stop))
        loops.create_task(_wake_at_end(stop, hints))


async def _wake_at_end(stop: asyncio.Event, wake: Wake) -> None:
    await stop.wait()
    wake.hint()
