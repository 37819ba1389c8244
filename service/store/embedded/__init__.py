"""A private PostgreSQL server for the demo and the tests (STORAGE §7).

One cluster per checkout and installation; the first that needs it starts it, the last one stops
it, `kill -9` of anybody leaves nothing that the next start does not put right. It listens on a
socket in a folder that only its account may enter, never on the network.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.settings import Settings
from service.store.embedded import postmaster
from service.store.embedded.account import account
from service.store.embedded.binaries import PostgresMissing, find_binaries
from service.store.embedded.cluster import (
    Cluster,
    EmbeddedError,
    Running,
    digits,
    lock_of,
    locked,
    socket_dir,
)

__all__ = [
    "EmbeddedError",
    "PostgresMissing",
    "Running",
    "Urls",
    "database",
    "home_of",
    "remove",
    "server",
    "urls",
]

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder that is not ours is not entered
"""Where Linux keeps files in memory."""
_ROOM: Final = 2 * 2**30


@dataclass(frozen=True, kw_only=True)
class Urls:
    """Who connects to a database, and how (DECISIONS 27)."""

    owner: str
    web: str
    worker: str
    private: bool
    """Whether it is of our own server, where the roles log in by themselves."""


@contextmanager
def server(
    settings: Settings, *, durable: bool = True, home: Path | None = None
) -> Generator[Running]:
    """Lend a private server for as long as the block runs; many may hold it at once.

    `durable=False` is for tests: a cluster of its own in which a power cut may lose commits, in
    memory where there is room.

    Raises:
        PostgresMissing: no programs that fit.
        EmbeddedError: it does not start; the text has the repair.
    """
    cluster = Cluster(
        binaries=find_binaries(settings.postgres),
        home=home or (home_of(settings) if durable else fast_home_of(settings)),
        durable=durable,
        account=account(),
    )
    with cluster.lent() as running:
        yield running


@contextmanager
def database(settings: Settings, name: str = "tpi") -> Generator[Urls]:
    """Lend the database of this installation: what the settings name, else a private server's.

    The private one is made when missing, without roles and schema: `roles.make_roles(login=True)`
    and `migrate.up` bring those.
    """
    owner = settings.owner_url()
    if owner:
        yield Urls(
            owner=owner,
            web=settings.url_of("web") or owner,
            worker=settings.url_of("worker") or owner,
            private=False,
        )
        return
    with server(settings) as running:
        running.create(name)
        yield urls(running, name)


def urls(running: Running, name: str) -> Urls:
    """Return the URLs of one database of a private server, one per role."""
    return Urls(
        owner=running.url(name),
        web=running.url(name, user="tpi_app"),
        worker=running.url(name, user="tpi_worker"),
        private=True,
    )


def home_of(settings: Settings) -> Path:
    """Return the folder of this checkout's cluster: two checkouts never share one."""
    if settings.pg_home:
        return settings.pg_home.absolute()
    checkout = str(Path(__file__).resolve().parents[2])
    state = Path("/var/lib") if os.geteuid() == 0 else Path.home() / ".local/state"
    return state / "tpi-intake" / digits(checkout)


def fast_home_of(settings: Settings) -> Path:
    """Return the folder of the tests' cluster: in memory, unless a home is set or there is no room.

    A test's database is some 440 files. On a disk mounted with `discard` a copy took 0.3 to 0.7 s
    while another was dropped, in memory 0.03 s (measured with two test processes).
    """
    place = home_of(settings)
    memory = MEMORY / f"tpi-intake-{place.name}"
    if settings.pg_home or not _lent(memory):
        return place / "fast"
    return memory


def _lent(memory: Path) -> bool:
    """Say whether a folder in memory is ours, or can be: big enough, and programs may run there."""
    if memory.exists():
        return memory.stat().st_uid == os.geteuid()
    if not MEMORY.is_dir():
        return False
    found = os.statvfs(MEMORY)
    runs = not found.f_flag & os.ST_NOEXEC
    return runs and found.f_bavail * found.f_frsize >= _ROOM


def remove(settings: Settings) -> None:
    """Stop this checkout's private servers, whoever uses them, and delete what they hold."""
    home = home_of(settings)
    chaos = home / "chaos"
    for place in (fast_home_of(settings), home / "fast", chaos / "placer", chaos, home):
        for data in place.glob("data-*"):
            with locked(lock_of(data, "start")):
                postmaster.stop(data)
                shutil.rmtree(socket_dir(data), ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)
