"""The doctor: what is right, what is not, and what to do about it."""

from collections.abc import Callable

import anyio.to_thread
import pytest
from typer.testing import Result

from fhir_mappings.model.json import Tree
from service.loop.look import said
from tests.kit.database import Database

CLINIC = "tests/data/payloads/examples/18-clinic.json"

Tpi = Callable[..., Result]
Lines = Callable[[Result], list[Tree]]


def levels(rows: list[Tree], name: str) -> set[str]:
    return {said(row, "level") for row in rows if said(row, "name") == name}


def test_a_database_of_ours_is_well(tpi: Tpi, lines: Lines) -> None:
    looked = tpi("doctor", "--json")

    rows = lines(looked)
    assert looked.exit_code == 0
    for name in ("program", "database", "clock", "migrations", "queue", "deliveries"):
        assert levels(rows, name) == {"ok"}


def test_what_no_clinician_reviewed_is_a_warning(tpi: Tpi, lines: Lines) -> None:
    rows = lines(tpi("doctor", "--json"))

    assert levels(rows, "pack") == {"ok", "warn"}
    assert any("without a source" in said(row, "finding") for row in rows)


def test_whoever_serves_with_the_owners_login_is_warned(tpi: Tpi, lines: Lines) -> None:
    rows = lines(tpi("doctor", "--json"))

    warned = [row for row in rows if said(row, "name") == "roles" and said(row, "level") == "warn"]
    assert "TPI_WEB_DATABASE_URL" in said(warned[0], "repair")


def test_logins_of_their_own_are_not_warned_of(tpi: Tpi, lines: Lines, database: Database) -> None:
    rows = lines(
        tpi(
            "doctor",
            "--json",
            TPI_WEB_DATABASE_URL=database.urls.web,
            TPI_WORKER_DATABASE_URL=database.urls.worker,
        )
    )

    assert levels(rows, "roles") <= {"ok"}


async def test_a_pending_migration_fails_with_its_command(
    tpi: Tpi, lines: Lines, database: Database
) -> None:
    async with database.as_owner() as conn:
        await conn.execute("DELETE FROM schema_migration")

    looked = await anyio.to_thread.run_sync(lambda: tpi("doctor", "--json"))

    row = next(one for one in lines(looked) if said(one, "name") == "migrations")
    assert looked.exit_code == 1
    assert (said(row, "level"), said(row, "repair")) == ("fail", "Run `tpi migrate up`.")


def test_every_setting_is_told_and_no_secret_shown(
    tpi: Tpi, lines: Lines, database: Database
) -> None:
    looked = tpi("doctor", "--settings", "--json", TPI_PORT="9999")

    told = {said(row, "name"): row for row in lines(looked) if said(row, "kind") == "setting"}
    assert (told["TPI_PORT"]["value"], told["TPI_PORT"]["source"]) == ("9999", "set")
    assert told["DATABASE_URL"]["value"] == "(secret)"
    assert database.urls.owner not in looked.output


@pytest.mark.parametrize(
    ("arguments", "finding"),
    [((), "it polls ours"), (("--base", "http://127.0.0.1:1/fhir", "--internal"), "no answer")],
)
def test_a_placers_own_server_is_looked_at(
    tpi: Tpi, lines: Lines, arguments: tuple[str, ...], finding: str
) -> None:
    tpi("clinic", "apply", CLINIC)
    tpi("placers", "add", "Northside", *arguments)

    looked = tpi("doctor", "--placer", "Northside", "--json")

    assert any(finding in said(row, "finding") for row in lines(looked))
