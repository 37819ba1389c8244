"""Processes as an operator runs them: they answer, they stop in order, they say what stops them."""

import os
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.cli.processes import NotStarted, Process, answers, free_port
from service.clients.server import Server
from tests.kit.database import Database

pytestmark = pytest.mark.timeout(120)


@contextmanager
def a_process(
    database: Database, folder: Path, *arguments: str, port: int, ops: int = 0, processes: int = 1
) -> Generator[Process]:
    environment = {
        "DATABASE_URL": database.urls.owner,
        "TPI_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TPI_PORT": str(port),
        "TPI_OPS_PORT": str(ops),
        "TPI_PROCESSES": str(processes),
    }
    with Process("tpi", arguments, environment=environment, folder=folder) as process:
        yield process


def test_doors_and_workers_run_in_one_process_and_stop_in_order(
    database: Database, tmp_path: Path
) -> None:
    port, ops = free_port(), free_port()

    with a_process(database, tmp_path, "serve", "--role", "all", port=port, ops=ops) as process:
        process.wait_until(answers(f"http://127.0.0.1:{port}/fhir"))
        with Server(f"http://127.0.0.1:{ops}", "", who="operator", log=[]) as server:
            statuses = [server.get(path).status for path in ("livez", "readyz", "fhir/metadata")]

    assert statuses == [200, 200, 404]
    assert process.ended == 0


def test_a_worker_tells_its_health_on_a_port_of_its_own(database: Database, tmp_path: Path) -> None:
    ops = free_port()

    def ready() -> bool:
        with Server(f"http://127.0.0.1:{ops}", "", who="operator", log=[]) as server:
            return server.reaches("readyz")

    with a_process(database, tmp_path, "worker", port=free_port(), ops=ops) as process:
        process.wait_until(ready)
        said = process.log.read_text(encoding="utf-8")

    assert process.ended == 0
    assert '"event":"pack.not-reviewed"' in said.replace('": "', '":"')


def test_a_taken_port_is_said_with_the_settings_that_change_it(
    database: Database, tmp_path: Path
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        a_process(database, tmp_path, "serve", port=taken.getsockname()[1]) as process,
        pytest.raises(NotStarted, match="TPI_PORT"),
    ):
        process.wait_until(lambda: False)

    assert process.ended == 2


async def test_a_database_without_our_schema_is_not_served(
    database: Database, tmp_path: Path
) -> None:
    async with database.as_owner() as conn:
        await conn.execute("DELETE FROM schema_migration")

    with (
        a_process(database, tmp_path, "serve", port=free_port()) as process,
        pytest.raises(NotStarted, match="tpi migrate up"),
    ):
        process.wait_until(lambda: False)

    assert process.ended == 1


def test_several_processes_answer_at_one_address_and_stop_in_order(
    database: Database, tmp_path: Path
) -> None:
    port = free_port()

    with a_process(database, tmp_path, "serve", port=port, processes=2) as process:
        process.wait_until(answers(f"http://127.0.0.1:{port}/fhir"))
        siblings = children_of(process.pid)
    left = [pid for pid in siblings if Path(f"/proc/{pid}").exists()]

    assert len(siblings) == 2
    assert (process.ended, left) == (0, [])


def test_an_address_that_several_processes_hold_is_not_joined(
    database: Database, tmp_path: Path
) -> None:
    port = free_port()

    with a_process(database, tmp_path, "serve", port=port, processes=2) as first:
        first.wait_until(answers(f"http://127.0.0.1:{port}/fhir"))
        with (
            a_process(database, tmp_path / "late", "serve", port=port, processes=2) as late,
            pytest.raises(NotStarted, match="TPI_PORT"),
        ):
            late.wait_until(lambda: False)

    assert (late.ended, first.ended) == (2, 0)


def test_where_one_process_dies_all_end(database: Database, tmp_path: Path) -> None:
    port = free_port()

    with a_process(database, tmp_path, "serve", port=port, processes=2) as process:
        process.wait_until(answers(f"http://127.0.0.1:{port}/fhir"))
        os.kill(children_of(process.pid)[0], signal.SIGKILL)
        code = process.wait(seconds=30)

    assert code == 3
    assert "A web process ended by itself." in process.tail()


def children_of(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in told.split()]
