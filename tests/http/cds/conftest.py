"""The doors of `tests/http` with time: what is known after half a second is not asked here."""

from dataclasses import replace

import pytest

from service.http.app import make_app
from tests.kit.door import Door

UNHURRIED_SECONDS = 30.0


@pytest.fixture
async def door(door: Door) -> Door:
    return unhurried(door)


@pytest.fixture(scope="module")
async def shared(shared: Door) -> Door:
    return unhurried(shared)


def unhurried(door: Door) -> Door:
    settings = door.deps.settings.model_copy(update={"cds_seconds": UNHURRIED_SECONDS})
    deps = replace(door.deps, settings=settings)
    return replace(door, deps=deps, app=make_app(deps))
