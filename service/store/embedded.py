"""A private PostgreSQL server for the demo and the tests (STORAGE §7).

One cluster per checkout and installation; the first that needs it starts it, the last one stops
it, `kill -9` of anybody leaves nothing that the next start does not put right. It listens on a
socket in a folder that only its account may enter, never on the network.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from service.settings import Settings
from service.store import postmaster
from service.store.account import account
from service.store.binaries import PostgresMissing, find_binaries
from service.store.cluster import (
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
    "database_url",
    "home_of",
    "remove",
    "server",
]


@contextmanager
def server(
    settings: Settings, *, durable: bool = True, home: Path | None = None
) -> Generator[Running]:
    """Lend a private server for as long as the block runs; many may hold it at once.

    `durable=False` is for tests: a cluster of its own in which a power cut may lose commits.

    Raises:
        PostgresMissing: no programs that fit.
        EmbeddedError: it does not start; the text has the repair.
    """
    place = home or home_of(settings)
    cluster = Cluster(
        binaries=find_binaries(settings.postgres),
        home=place if durable else place / "fast",
        durable=durable,
        account=account(),
    )
    with cluster.lent() as running:
        yield running


@contextmanager
def database_url(settings: Settings, database: str = "tpi") -> Generator[str]:
    """Lend the owner's URL: `DATABASE_URL`, else a database of the private server."""
    given = settings.owner_url()
    if given:
        yield given
        return
    with server(settings) as running:
        running.create(database)
        yield running.url(database)


def home_of(settings: Settings) -> Path:
    """Return the folder of this checkout's cluster: two checkouts never share one."""
    if settings.pg_home:
        return settings.pg_home.absolute()
    checkout = str(Path(__file__).resolve().parents[2])
    state = Path("/var/lib") if os.geteuid() == 0 else Path.home() / ".local/state"
    return state / "tpi-intake" / digits(checkout)


def remove(settings: Settings) -> None:
    """Stop this checkout's private servers, whoever uses them, and delete what they hold."""
    place = home_of(settings)
    for data in (*place.glob("data-*"), *place.glob("fast/data-*")):
        with locked(lock_of(data, "start")):
            postmaster.stop(data)
            shutil.rmtree(socket_dir(data), ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
