"""Commands as an operator runs them: this program, a real database, stdout and stderr apart."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from fhir_mappings.model.json import Tree
from service.cli import app
from tests.kit.database import Database

Tpi = Callable[..., Result]


@pytest.fixture
def tpi(database: Database) -> Tpi:
    """Run `tpi` on this test's own database."""
    runner = CliRunner()

    def run(*arguments: str, **environment: str) -> Result:
        settings = {"DATABASE_URL": database.urls.owner, "NO_COLOR": "1", **environment}
        return runner.invoke(app, [*arguments], env=settings)

    return run


@pytest.fixture
def lines() -> Callable[[Result], list[Tree]]:
    """Read JSON Lines."""

    def read(result: Result) -> list[Tree]:
        return [json.loads(line) for line in result.stdout.splitlines()]

    return read
