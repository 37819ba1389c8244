"""A fresh, migrated database for each test: real commits, real roles, real constraints.

One fast server per checkout, shared by all test processes; one template per state of the
migrations, copied per test (STORAGE §8: 25-30 ms). Its rows are gone with it; nothing is ever
rolled back instead of committed.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import asyncpg

from service.settings import Settings
from service.store import embedded, migrate
from service.store.embedded import Running, Urls
from service.store.pool import connect
from service.store.roles import Direct, make_roles
from tests.kit import left_behind

T = TypeVar("T")

TABLES_OF_WORK = ("outbox", "delivery", "audit", "message")
"""What is kept about work and who did it: codes, never words."""
TEMPLATE_LOCK = 0x7470695F74  # one process makes the template, the others wait for it


@dataclass(frozen=True, kw_only=True)
class Database:
    """One test's own database and who may connect to it."""

    name: str
    urls: Urls
    running: Running

    def server_log(self) -> Path:
        """Return where the server writes its log."""
        return self.running.log

    @asynccontextmanager
    async def as_owner(self) -> AsyncGenerator[Direct]:
        """Connect as the cluster's superuser, to look at or prepare what the roles may not."""
        conn = await connect(self.urls.owner)
        try:
            yield conn
        finally:
            await conn.close()


@contextmanager
def fast_server() -> Generator[Running]:
    """Lend the tests' server; `TPI_POSTGRES` says whose programs. `DATABASE_URL` is not used."""
    with embedded.server(Settings(), durable=False) as running:
        run(_drop_left_behind(running))
        yield running


def template(running: Running) -> str:
    """Return the template of the migrations as they are now, made by the first who asks."""
    name = f"tpi_tpl_{migrate.digest_of(migrate.shipped())[:12]}"
    run(_make_template(running, name))
    return name


@contextmanager
def fresh(running: Running, copied: str, janitor: ThreadPoolExecutor) -> Generator[Database]:
    """Lend a copy of the template; its rows of work are searched and it goes in the background."""
    name = f"t_{os.getpid()}_{secrets.token_hex(4)}"
    run(_on_server(running, f'CREATE DATABASE {name} TEMPLATE "{copied}" STRATEGY file_copy'))
    try:
        yield Database(name=name, urls=embedded.urls(running, name), running=running)
    finally:
        janitor.submit(run, _search_and_drop(running, name, left_behind.here.during))


async def answered(conn: Direct, question: str, *, other_than: object = None) -> object:
    """Ask until the answer is a new one: a named moment on the server, instead of a sleep."""
    while True:
        found: object = await conn.fetchval(question)
        if found is not None and found != other_than:
            return found
        await asyncio.sleep(0.002)


def run(work: Coroutine[None, None, T]) -> T:
    """Run a coroutine from a fixture that is not one: a loop of its own, gone afterwards."""
    return asyncio.run(work)


async def work_rows(conn: Direct) -> dict[str, str]:
    """Return the rows of each table of work as text; none where the schema is not made."""
    known = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found: dict[str, str] = {}
    for table in sorted({str(row[0]) for row in known}.intersection(TABLES_OF_WORK)):
        rows = await conn.fetch(f"SELECT t::text FROM {table} t")  # noqa: S608 - of the list
        found[table] = "\n".join(str(row[0]) for row in rows)
    return found


async def _search_and_drop(running: Running, name: str, during: str) -> None:
    try:
        conn: Direct = await connect(running.url(name))
        try:
            for table, rows in (await work_rows(conn)).items():
                left_behind.here.search(f"table {table}", rows.encode(), during=during)
        finally:
            await conn.close()
    finally:
        await _on_server(running, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _on_server(running: Running, statement: str) -> None:
    async with _maintenance(running) as conn:
        await conn.execute(statement)


@asynccontextmanager
async def _maintenance(running: Running) -> AsyncGenerator[Direct]:
    conn = await connect(running.url("postgres"))
    try:
        yield conn
    finally:
        await conn.close()


async def _make_template(running: Running, name: str) -> None:
    async with _maintenance(running) as conn:
        await conn.execute("SELECT pg_advisory_lock($1)", TEMPLATE_LOCK)
        done = await conn.fetchval("SELECT datistemplate FROM pg_database WHERE datname = $1", name)
        if done:
            return
        await conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # half a one
        await conn.execute(f'CREATE DATABASE "{name}"')
        await _migrated(running, name)
        await conn.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE true ALLOW_CONNECTIONS false')


async def _migrated(running: Running, name: str) -> None:
    conn: Direct = await connect(running.url(name))
    try:
        refused = await make_roles(conn, login=True)
        assert not refused, refused
        await migrate.up(conn)
    finally:
        await conn.close()


async def _drop_left_behind(running: Running) -> None:
    """Drop what a run that was killed left: its process, named in the database, is gone."""
    async with _maintenance(running) as conn:
        names = await conn.fetch("SELECT datname FROM pg_database WHERE datname LIKE 't\\_%'")
        for (name,) in names:
            if not _lives(int(str(name).split("_")[1])):
                with suppress(asyncpg.InvalidCatalogNameError):  # another run was quicker
                    await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
