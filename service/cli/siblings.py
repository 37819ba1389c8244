"""Several web processes at one address, each with a socket of its own: one a core (DECISIONS 8)."""

import asyncio
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from typing import Final

from service.cli.carry import Unusable
from service.cli.output import Exit
from service.settings import Settings, child_environment

_GRACE_SECONDS: Final = 2.0
"""How much longer than L22 a process may take to end before it is killed."""


async def run_siblings(
    settings: Settings, doors: Sequence[socket.socket], stop: asyncio.Event
) -> None:
    """Run a process for each socket until told to stop; where one ends by itself, all are stopped.

    Each counts for itself and has an operator's port of its own: the first `TPI_OPS_PORT`, the
    next one more.

    Raises:
        Unusable: one ended unasked; whoever started us starts all of them again.
    """
    siblings = [await _start(settings, door, number) for number, door in enumerate(doors)]
    ends = [asyncio.ensure_future(one.wait()) for one in siblings]
    told = asyncio.ensure_future(stop.wait())
    await asyncio.wait([told, *ends], return_when=asyncio.FIRST_COMPLETED)
    unasked = not stop.is_set()
    told.cancel()
    for one in siblings:
        if one.returncode is None:
            one.terminate()
    await _see_off(siblings, ends, settings.stop_seconds + _GRACE_SECONDS)
    if unasked:
        raise Unusable("A web process ended by itself.", "Its log says why.", Exit.UNKNOWN)


async def _start(settings: Settings, door: socket.socket, number: int) -> Process:
    ops = settings.ops_port + number if settings.ops_port else 0
    environment = child_environment(
        TPI_PROCESSES="1", TPI_OPS_PORT=str(ops), TPI_PUBLIC_URL=settings.public_url
    )
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "service.cli",
        "serve",
        "--fd",
        str(door.fileno()),
        env=environment,
        pass_fds=(door.fileno(),),
    )


async def _see_off(
    siblings: list[Process], ends: Sequence[asyncio.Future[int]], seconds: float
) -> None:
    _, late = await asyncio.wait(ends, timeout=seconds)
    if late:
        for one in siblings:
            if one.returncode is None:
                one.kill()
        await asyncio.wait(late)
