from collections.abc import AsyncGenerator

import pytest

from tests.kit.database import Database
from tests.kit.door import Door, a_door


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    """The door of a clinic with two placers."""
    async with a_door(database) as opened:
        yield opened
