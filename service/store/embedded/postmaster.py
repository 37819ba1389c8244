"""A PostgreSQL server as the machine sees it: its process, its pid file, its answer."""

import os
import signal
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from service.store.embedded.binaries import said

OWNER: Final = "tpi"
"""The cluster's superuser: there is no password, the socket's folder is the wall."""

_PROTOCOL: Final = 196_608
_AUTHENTICATION: Final = b"R"
_SOCKET_LINE: Final = 4
_STOP_SECONDS: Final = 20.0


def answers(path: Path) -> bool:
    """Say whether a startup packet is answered with a request for, or a word on, authentication."""
    body = struct.pack("!I", _PROTOCOL) + f"user\0{OWNER}\0database\0postgres\0\0".encode()
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
            probe.sendall(struct.pack("!I", len(body) + 4) + body)
            return probe.recv(1) == _AUTHENTICATION
        except OSError:
            return False


def owner_of(data: Path) -> int | None:
    """Return the pid of the server that runs on this folder, None where none does."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if runs_on(data, pid) else None


def socket_of(data: Path) -> Path | None:
    """Return the socket's folder by the server's own word, None before it has said so."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    return Path(lines[_SOCKET_LINE]) if len(lines) > _SOCKET_LINE else None


def runs_on(data: Path, pid: int) -> bool:
    """Say whether this process is the server of this folder, and not one that got its number."""
    return f" -D {data} " in _command_of(pid)


def _command_of(pid: int) -> str:
    """Return the command line of a process, empty where there is none."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return ""
    return said(["/bin/ps", "-o", "command=", "-p", str(pid)])


def stop(data: Path) -> None:
    """Stop the server on this folder by a fast shutdown and wait for its end."""
    pid = owner_of(data)
    if pid is None:
        return
    _signal(pid, signal.SIGINT)
    until = time.monotonic() + _STOP_SECONDS
    while runs_on(data, pid):
        if time.monotonic() > until:
            _signal(pid, signal.SIGQUIT)
            until += _STOP_SECONDS
        time.sleep(0.005)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself meanwhile
        os.kill(pid, number)
