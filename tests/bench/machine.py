"""What is measured on: a durable PostgreSQL of its own, and our processes beside it."""

import os
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from service.cli.processes import Process, free_port
from service.settings import Settings
from service.store import embedded
from service.store.embedded import Running
from tests.kit import database as kit
from tests.kit.database import Database


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A durable server with a template of the migrations, and a folder for logs."""

    running: Running
    template: str
    janitor: ThreadPoolExecutor
    logs: Path

    def database(self) -> AbstractContextManager[Database]:
        """Lend a migrated database."""
        return kit.fresh(self.running, self.template, self.janitor)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A `tpi serve` that is ready, where, and how long it took from its start (seconds).

    Of several processes `pids` are those that answer.
    """

    pids: tuple[int, ...]
    port: int
    ready_after: float

    def resident(self) -> float:
        """Return how much memory one process holds now (MiB): the largest."""
        return max(map(resident, self.pids))

    def worked(self) -> float:
        """Return how much processor time all of them have had until now (milliseconds)."""
        return sum(map(processor_time, self.pids))


@contextmanager
def machine() -> Generator[Machine]:
    """Lend the server: durable, in a folder of its own that is gone afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)  # the server's own account must pass
        running = stack.enter_context(embedded.server(Settings(), durable=True, home=home / "pg"))
        janitor = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        yield Machine(
            running=running, template=kit.template(running), janitor=janitor, logs=home / "logs"
        )


@contextmanager
def serving(
    on: Machine, database: Database, *, role: str = "web", processes: int = 1
) -> Generator[Served]:
    """Run `tpi serve` until the block ends; budgets of callers are beyond what is measured."""
    port, ops = free_port(), free_port()
    environment = {
        "DATABASE_URL": database.urls.owner,
        "TPI_WEB_DATABASE_URL": database.urls.web,
        "TPI_WORKER_DATABASE_URL": database.urls.worker,
        "TPI_PORT": str(port),
        "TPI_OPS_PORT": str(ops),
        "TPI_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TPI_CLIENT_RATE_PER_SECOND": "100000",
        "TPI_CLIENT_BURST": "100000",
        "TPI_PROCESSES": str(processes),
    }
    begun = time.perf_counter()
    arguments = ["serve", "--role", role]
    with Process(f"{role}-{port}", arguments, environment=environment, folder=on.logs) as process:
        for number in range(processes):
            _await_ready(process, ops + number)
        took = time.perf_counter() - begun
        pids = (process.pid,) if processes == 1 else children(process.pid)
        yield Served(pids=pids, port=port, ready_after=took)


def children(pid: int) -> tuple[int, ...]:
    """Return the processes that a process has started, as Linux tells it."""
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return tuple(int(one) for one in told.split())


def resident(pid: int) -> float:
    """Return the resident memory of a process (MiB), as Linux tells it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = next(line for line in lines if line.startswith("VmRSS"))
    return int(told.split()[1]) / 1024


def processor_time(pid: int) -> float:
    """Return the processor time of a process, its own and the kernel's for it (milliseconds)."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(told[11]) + int(told[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def at_rest(database: Database) -> None:
    """Let measurements begin alike: compact files, fresh statistics, nothing left to write.

    The first change of a page after a checkpoint writes the whole page to the log: a run that
    meets that and one that does not differ by a factor.
    """
    async with database.as_owner() as conn:
        await conn.execute("VACUUM (FULL, ANALYZE)")
        await conn.execute("CHECKPOINT")


def _await_ready(process: Process, port: int) -> None:
    """Ask /readyz every few milliseconds: its first 200 is what start-up means."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        until = time.monotonic() + 60
        while process.running and time.monotonic() < until:
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.01)
    raise SystemExit(f"{process.name} was not ready. Its log:\n{process.tail()}")
