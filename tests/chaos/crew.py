"""The clinic's processes: killed and paused by us, brought up again as a supervisor would."""

import asyncio
import http.client
import os
import signal
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.cli.processes import Process, free_port

WEB: Final = "web"
WORKERS: Final = ("worker-a", "worker-b")
NAMES: Final = (WEB, *WORKERS)
READY_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.1


@dataclass
class _Life:
    """One life of one process; `ours` says that we are the ones who end it."""

    process: Process
    ready: bool = False
    ours: bool = False


class Crew:
    """One web process and two workers; `environments` has what each is told."""

    def __init__(self, environments: Mapping[str, Mapping[str, str]], folder: Path) -> None:
        self._environments = environments
        self._ports = {name: free_port() for name in NAMES}
        self._folder = folder
        self._lives: dict[str, _Life] = {}
        self._count = 0
        self.fell: list[str] = []
        """Logs of processes that were ready and ended though nobody had ended them."""

    def start(self) -> None:
        """Start all."""
        for name in NAMES:
            self._start(name)

    def pids(self) -> dict[str, int]:
        """Say which process has which number now."""
        return {name: life.process.pid for name, life in self._lives.items()}

    async def supervise(self) -> None:
        """Start again what has ended, until cancelled."""
        while True:
            for name, life in list(self._lives.items()):
                if not life.process.running:
                    if life.ready and not life.ours:
                        self.fell.append(str(life.process.log))
                    self._start(name)
                elif not life.ready:
                    life.ready = await asyncio.to_thread(_answers, self._ports[name])
            await asyncio.sleep(_LOOK_SECONDS)

    async def up(self, *names: str, seconds: float = READY_SECONDS) -> None:
        """Wait until these are ready to work.

        Raises:
            TimeoutError: they are not.
        """
        async with asyncio.timeout(seconds):
            while not all(self._lives[name].ready for name in names):  # noqa: ASYNC110 - a life
                # that was ready may end while another is waited for
                await asyncio.sleep(_LOOK_SECONDS)

    def kill(self, name: str) -> None:
        """End a process at once, wherever it is."""
        self._signal(name, signal.SIGKILL, ends=True)

    def pause(self, name: str) -> int:
        """Stop a process where it is; return its number."""
        self._signal(name, signal.SIGSTOP)
        return self._lives[name].process.pid

    def resume(self, name: str, pid: int) -> None:
        """Let it go on, unless another life has its name by now."""
        if self._lives[name].process.pid == pid:
            self._signal(name, signal.SIGCONT)

    def end(self, *names: str) -> None:
        """Ask processes to stop, as an operator does; their next life begins by itself."""
        for name in names:
            self._signal(name, signal.SIGTERM, ends=True)

    async def stop(self) -> None:
        """Stop all in order; whoever supervises must have been cancelled."""
        for life in self._lives.values():
            await asyncio.to_thread(life.process.stop)

    def _start(self, name: str) -> None:
        self._count += 1
        environment = {**self._environments[name], "TPI_OPS_PORT": str(self._ports[name])}
        command = "serve" if name == WEB else "worker"
        process = Process(
            f"{name}-{self._count}", [command], environment=environment, folder=self._folder
        )
        self._lives[name] = _Life(process)

    def _signal(self, name: str, number: signal.Signals, *, ends: bool = False) -> None:
        life = self._lives[name]
        if ends:
            life.ours, life.ready = True, False
        with suppress(ProcessLookupError):
            os.kill(life.process.pid, number)


def _answers(port: int) -> bool:
    with (
        suppress(OSError, http.client.HTTPException),
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as asked,
    ):
        asked.request("GET", "/readyz")
        with asked.getresponse() as told:
            return told.status == http.client.OK
    return False
