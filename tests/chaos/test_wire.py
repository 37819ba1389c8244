"""What stands between a process and PostgreSQL does to it what it says."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest

from service.store import embedded
from tests.chaos.wire import Moment, Wire
from tests.kit.database import Database


@dataclass
class Wired:
    """A wire, and the address of a database behind it."""

    wire: Wire
    url: str


@pytest.fixture
async def wired(database: Database, tmp_path: Path) -> AsyncGenerator[Wired]:
    wire = Wire(database.running.socket_dir, tmp_path)
    listening = await wire.listen()
    behind = replace(database.running, socket_dir=tmp_path)
    yield Wired(wire, embedded.urls(behind, database.name).owner)
    listening.close()


async def write(url: str) -> None:
    """One transaction that writes, as our own: BEGIN and COMMIT by hand."""
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("BEGIN")
        await conn.execute(
            "INSERT INTO content_pack VALUES ($1, '1', '', now())", "written by the test"
        )
        await conn.execute("COMMIT")
    finally:
        conn.terminate()


async def written(database: Database) -> object:
    async with database.as_owner() as conn:
        return await conn.fetchval("SELECT count(*) FROM content_pack")


async def test_a_commit_whose_answer_is_lost_is_done(wired: Wired, database: Database) -> None:
    lost = wired.wire.lose_a_commit()

    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await write(wired.url)

    assert lost.done()
    assert await written(database) == 1


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_strike_falls_while_the_transaction_is_open(wired: Wired, moment: Moment) -> None:
    seen: list[bool] = []
    struck = wired.wire.strike(moment, lambda: seen.append(wired.wire.in_transaction))

    await write(wired.url)

    assert struck.done()
    assert seen == [True]
    assert not wired.wire.in_transaction


async def test_a_moment_that_was_called_off_strikes_nobody(wired: Wired) -> None:
    struck: list[str] = []
    wired.wire.strike(Moment.BEFORE_COMMIT, lambda: struck.append("struck")).cancel()

    await write(wired.url)

    assert struck == []
