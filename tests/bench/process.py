"""How long a process takes until it is ready, and what the content pack holds in memory."""

import asyncio
import subprocess
import sys
import time

from tests.bench.figures import Figure
from tests.bench.machine import Machine, serving
from tests.kit.database import Database
from tests.kit.door import a_door

_PACK = """
import tracemalloc
from service.content.load import load_pack
tracemalloc.start()
pack = load_pack()
print(tracemalloc.get_traced_memory()[0])
"""


def measure(on: Machine, repetitions: int) -> list[Figure]:
    """Start each kind of process, one after the other, beside a Python that does nothing."""
    with on.database() as database:
        asyncio.run(_stand_up(database))
        started = [_started(on, database) for _ in range(repetitions)]
    pack = float(_python(_PACK)) / 1024 / 1024
    return [
        Figure(
            what="web process until it is ready",
            unit="s",
            values=tuple(web for web, _, _ in started),
        ),
        Figure(
            what="worker process until it is ready",
            unit="s",
            values=tuple(worker for _, worker, _ in started),
        ),
        Figure(
            what="web process until it is ready, beside a Python that does nothing",
            values=tuple(web / python for web, _, python in started),
        ),
        Figure(what="memory of the content pack", unit="MiB", values=(pack,)),
    ]


async def _stand_up(database: Database) -> None:
    async with a_door(database):
        pass


def _started(on: Machine, database: Database) -> tuple[float, float, float]:
    """Return how long web, worker and a bare interpreter take (seconds)."""
    with serving(on, database) as web:
        first = web.ready_after
    with serving(on, database, role="worker") as worker:
        second = worker.ready_after
    begun = time.perf_counter()
    _python("")
    return first, second, time.perf_counter() - begun


def _python(program: str) -> bytes:
    return subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], check=True, capture_output=True
    ).stdout
