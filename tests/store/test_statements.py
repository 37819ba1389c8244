"""SQL files: each is prepared against the schema, each is used, each stands alone."""

import re
from pathlib import Path

import pytest

from service.store.pool import Pool
from service.store.statements import sql, verbs

STORE = Path(__file__).parents[2] / "service/store"


@pytest.fixture(scope="module")
def used() -> set[str]:
    """Every word in quotes in the store's modules: a verb that none names is dead."""
    texts = (path.read_text() for path in STORE.glob("*.py"))
    return {verb for text in texts for verb in re.findall(r"\"(\w+)\"", text)}


async def test_every_statement_fits_the_schema(web_pool: Pool) -> None:
    faults: list[str] = []
    async with web_pool.acquire() as conn:
        for verb in verbs():
            try:
                await conn.prepare(sql(verb))
            except Exception as fault:  # noqa: BLE001 - all of them are told at once
                faults.append(f"{verb}: {fault}")

    assert faults == []


def test_no_statement_is_dead(used: set[str]) -> None:
    assert set(verbs()) <= used


def test_a_statement_is_read_once() -> None:
    verb = verbs()[0]

    assert sql(verb) is sql(verb)
