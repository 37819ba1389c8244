"""What every test shares: one event loop, the one the service runs on, and a real database."""

import gc
import io
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from service import log
from service.store.embedded import Running
from service.store.pool import Pool, make_pool
from tests.kit import database as kit
from tests.kit import emitted, left_behind
from tests.kit.database import Database

_TOLD: Final = "left behind"
_NO_LOGS_OF_OURS: Final = ("demo.log", "dev.log", "placer.log", "judge.log")
"""What the demo prints for whoever runs it, names too; what HAPI's server and validator log."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rounds", type=int, default=30, help="how often each race is run")
    parser.addoption("--emitted", help="folder to keep what our service emits, for `make interop`")


def pytest_configure(config: pytest.Config) -> None:
    emitted.choose(config.getoption("--emitted"))


def pytest_collection_finish() -> None:
    """Collect garbage less often, and never in what stays: that took a sixth of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - of xdist
    """Take in what a test process searched; one that crashed tells nothing, and fails the run."""
    output: dict[str, Any] = getattr(node, "workeroutput", {})
    if _TOLD in output:
        left_behind.here.add(output[_TOLD])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the run what this process searched, or fail the run where a patient was found."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_TOLD] = left_behind.here.told()
        return
    left_behind.here.search_server_logs()
    if left_behind.here.found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(str(left_behind.here))
    for place in sorted(set(left_behind.here.found)):
        terminalreporter.write_line(f"A PATIENT STANDS IN {place}", red=True)


@pytest.fixture(scope="session")
def rounds(pytestconfig: pytest.Config) -> int:
    """How often each race is run: few in `make test`, a thousand in `.ci/run` (SECURITY §7)."""
    chosen: object = pytestconfig.getoption("--rounds")
    assert isinstance(chosen, int)
    return chosen


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _logs_of_processes(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Search what the programs that tests started said, once none of them runs any more."""
    yield
    for file in tmp_path_factory.getbasetemp().rglob("*.log"):
        if file.name not in _NO_LOGS_OF_OURS:
            left_behind.here.search_file("logs of processes", file)


@pytest.fixture(autouse=True)
def quiet_log(request: pytest.FixtureRequest) -> Generator[None]:
    """Log as the service does; a key that is not on the list fails the test (SECURITY §5)."""
    log.dropped.clear()
    lines = io.BytesIO()
    log.configure(service="tpi-test", version="0", stream=lines)
    left_behind.here.during = request.node.nodeid
    yield
    left_behind.here.search("the log", lines.getvalue())
    assert not log.dropped, f"keys that are not on the list were logged: {dict(log.dropped)}"


@pytest.fixture(scope="session")
def postgres() -> Generator[Running]:
    """The tests' server, shared by all test processes of this checkout."""
    with kit.fast_server() as running:
        left_behind.here.begin_server_log(running.log)
        yield running


@pytest.fixture(scope="session")
def template(postgres: Running) -> str:
    """The name of the migrated database that each test gets a copy of."""
    return kit.template(postgres)


@pytest.fixture(scope="session")
def janitor(postgres: Running) -> Generator[ThreadPoolExecutor]:
    """Drops databases while the next test runs; has ended before the server stops."""
    del postgres
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool


@pytest.fixture
def database(postgres: Running, template: str, janitor: ThreadPoolExecutor) -> Generator[Database]:
    """A migrated database of this test's own, with the URLs of its three roles."""
    with kit.fresh(postgres, template, janitor) as fresh:
        yield fresh


@pytest.fixture
async def web_pool(database: Database) -> AsyncGenerator[Pool]:
    """A pool as the web process has it: logged in as tpi_app, in the test's own loop."""
    async with make_pool(database.urls.web, role="web", least=1) as pool:
        yield pool


@pytest.fixture
async def worker_pool(database: Database) -> AsyncGenerator[Pool]:
    """A pool as the worker process has it: logged in as tpi_worker."""
    async with make_pool(database.urls.worker, role="worker", least=1) as pool:
        yield pool
