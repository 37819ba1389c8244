"""Processes of our own program: started, waited for until they answer, stopped by their id."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Self

from service.clients.server import Server
from service.settings import child_environment

START_SECONDS: Final = 60.0
"""A quiet machine needs three; one that builds and tests beside us has needed more than thirty."""
STOP_SECONDS: Final = 12.0
"""A little more than a process gives its own requests when it stops (L22)."""


class NotStarted(Exception):
    """A process ended or did not answer in time; the text says where its log stands."""


class Process:
    """One `tpi` command that runs beside us, with its log in a file."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, environment: dict[str, str], folder: Path
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            # a session of its own: Ctrl-C reaches us alone, and we stop it in order
            self._popen = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [sys.executable, "-m", "service.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment(**environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Say whether it has not ended."""
        return self._popen.poll() is None

    @property
    def ended(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._popen.poll()

    def wait_until(self, answers: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until it answers: never for a while and hope.

        Raises:
            NotStarted: it ended, or time ran out.
        """
        until = time.monotonic() + seconds
        while self.running and time.monotonic() < until:
            if answers():
                return
            time.sleep(0.1)
        how = "did not answer in time" if self.running else "ended"
        raise NotStarted(f"{self.name} {how}. Its log: {self.log}\n{self.tail()}")

    def wait(self, seconds: float) -> int:
        """Wait for its end and return its exit code.

        Raises:
            NotStarted: it still runs after that time.
        """
        try:
            return self._popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired as running:
            raise NotStarted(f"{self.name} has not ended. Its log: {self.log}") from running

    def tail(self) -> str:
        """Return the last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-8:])

    def stop(self) -> None:
        """Ask it to stop, wait for its end, and kill it where it does not come."""
        if self.running:
            self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def __enter__(self) -> Self:
        """Lend it to a block, which stops it at its end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()


@contextmanager
def held_signals() -> Generator[None]:
    """Let SIGINT and SIGTERM come after the block, not within it. For the main thread alone.

    A process that is started within and belongs to somebody at the end of the block is stopped by
    that one; asked to stop between the fork and that moment, we would leave it running.
    """
    came: list[int] = []

    def later(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {one: signal.signal(one, later) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        for number in came:
            signal.raise_signal(number)


def answers(base: str) -> Callable[[], bool]:
    """Return the question whether a FHIR server says what it can do."""

    def ask() -> bool:
        with Server(base, "", who="demo", log=[]) as server:
            return server.reaches("metadata")

    return ask


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
