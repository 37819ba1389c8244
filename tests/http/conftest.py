from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.store.embedded import Running
from tests.kit import database as kit
from tests.kit.database import Database
from tests.kit.door import Door, a_door


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    """The door of a clinic with two placers, and nothing stored yet."""
    async with a_door(database) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_database(
    postgres: Running, template: str, janitor: ThreadPoolExecutor
) -> Generator[Database]:
    """One database for the tests of a module that do not get in each other's way."""
    with kit.fresh(postgres, template, janitor) as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def shared(anyio_backend: str, shared_database: Database) -> AsyncGenerator[Door]:
    """One door for the tests of a module that do not get in each other's way."""
    del anyio_backend
    async with a_door(shared_database) as opened:
        yield opened
