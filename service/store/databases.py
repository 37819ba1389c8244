"""Databases beside the installation's own: what the demo and the sandbox play in."""

import asyncio
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from service.settings import Settings
from service.store import embedded
from service.store.embedded import EmbeddedError, Urls
from service.store.pool import connect

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


@contextmanager
def lent(settings: Settings, *names: str, fresh: bool) -> Generator[tuple[Urls, ...]]:
    """Lend databases of these names on the installation's server.

    `fresh` ones begin empty and are dropped at the end, others keep what they have. None of them
    is the installation's own database.

    Raises:
        EmbeddedError: somebody uses one, or this login may not make databases.
    """
    owner = settings.owner_url()
    if owner:
        with _standing(owner, names, fresh=fresh):
            yield tuple(_beside(settings, owner, name) for name in names)
        return
    with (
        embedded.server(settings) as running,
        _standing(running.url("postgres"), names, fresh=fresh),
    ):
        yield tuple(embedded.urls(running, name) for name in names)


@contextmanager
def _standing(url: str, names: Sequence[str], *, fresh: bool) -> Generator[None]:
    asyncio.run(_stand(url, names, fresh=fresh))
    try:
        yield
    finally:
        if fresh:
            asyncio.run(_drop(url, names))


async def _drop(url: str, names: Sequence[str]) -> None:
    """Drop what was lent; whoever is still connected was ours and did not stop."""
    conn = await connect(url)
    try:
        for name in names:
            await conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await conn.close()


def _beside(settings: Settings, owner: str, name: str) -> Urls:
    return Urls(
        owner=_at(owner, name),
        web=_at(settings.url_of("web") or owner, name),
        worker=_at(settings.url_of("worker") or owner, name),
        private=False,
    )


def _at(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name)}"))


async def _stand(url: str, names: Sequence[str], *, fresh: bool) -> None:
    conn = await connect(url)
    try:
        for name in names:
            if not _NAME.fullmatch(name):
                raise EmbeddedError(f"A database is named a-z, 0-9 and _: not {name!r}.")
            if fresh:
                await conn.execute(f'DROP DATABASE IF EXISTS "{name}"')
            if not await conn.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await conn.execute(f'CREATE DATABASE "{name}"')
    except asyncpg.ObjectInUseError as used:
        raise EmbeddedError(
            "Another run uses these databases. Stop it, or choose a name."
        ) from used
    except asyncpg.InsufficientPrivilegeError as refused:
        raise EmbeddedError(
            "This login may not make databases. Unset DATABASE_URL for a private server."
        ) from refused
    finally:
        await conn.close()
