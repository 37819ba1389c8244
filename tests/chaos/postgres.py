"""The clinic's PostgreSQL: killed with all its children, and started again."""

import os
import signal
from contextlib import ExitStack, suppress
from pathlib import Path

from service.settings import Settings
from service.store import embedded
from service.store.embedded import Running, postmaster


class Postgres:
    """A durable private server of its own below `home`, as an installation has it.

    `kill -9` loses no page of the operating system's cache: what a power cut would lose is not
    tried here.
    """

    def __init__(self, settings: Settings, home: Path) -> None:
        self._settings = settings
        self._home = home
        self._lent = ExitStack()
        self.running: Running = self._lend(self._lent)

    def kill(self) -> None:
        """End the postmaster, then every process that it made, at once."""
        pid = postmaster.owner_of(self.running.data)
        if pid is None:
            return
        children = _children_of(pid)
        for one in (pid, *children):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)

    def start(self) -> None:
        """Start it on what it had written, and wait until it answers."""
        lent = ExitStack()
        self.running = self._lend(lent)
        self._lent.close()  # it has another user by now, so it goes on
        self._lent = lent

    def stop(self) -> None:
        """Stop it in order."""
        self._lent.close()

    def _lend(self, stack: ExitStack) -> Running:
        return stack.enter_context(embedded.server(self._settings, home=self._home))


def _children_of(pid: int) -> list[int]:
    """Read the processes that a process made (proc(5): task/children)."""
    told = Path(f"/proc/{pid}/task/{pid}/children")
    with suppress(OSError):
        return [int(one) for one in told.read_text().split()]
    return []
