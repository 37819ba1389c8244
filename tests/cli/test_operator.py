"""What an operator sets up: schema, clinic, placers, keys; and what a script learns from it."""

import json
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import pytest
from typer.testing import Result

from fhir_mappings.model.json import Tree
from service.loop.look import said
from tests.kit.database import Database
from tests.kit.ehr import a_key, public

CLINIC = "tests/data/payloads/examples/18-clinic.json"
CLINICIAN = "0199a0aa-1111-7222-8333-44445555a001"

Tpi = Callable[..., Result]
Lines = Callable[[Result], list[Tree]]


@pytest.fixture
def clinic(tpi: Tpi) -> None:
    assert tpi("clinic", "apply", CLINIC).exit_code == 0


def test_a_current_schema_is_said_to_be_applied(tpi: Tpi, lines: Lines) -> None:
    status = tpi("migrate", "status", "--json")

    assert status.exit_code == 0
    assert {said(row, "state") for row in lines(status)} == {"applied"}


def test_migrating_again_does_nothing(tpi: Tpi) -> None:
    again = tpi("migrate", "up")

    assert (again.exit_code, again.stdout) == (0, "")


async def test_an_empty_database_is_refused_with_the_command_that_helps(
    tpi: Tpi, database: Database
) -> None:
    async with database.as_owner() as conn:
        await conn.execute("DELETE FROM schema_migration")

    refused = await _in_thread(lambda: tpi("placers", "list"))

    assert refused.exit_code == 1
    assert "tpi migrate up" in refused.stderr


def test_the_clinic_is_applied_and_again_changes_nothing(tpi: Tpi, lines: Lines) -> None:
    first = tpi("clinic", "apply", CLINIC, "--json")
    again = tpi("clinic", "apply", CLINIC, "--json")

    turns = [
        {said(row, "turn") for row in lines(one) if row["kind"] == "part"} for one in (first, again)
    ]
    assert turns == [{"new"}, {"same"}]


def test_a_clinic_that_cannot_be_read_is_wrong_use(tpi: Tpi, tmp_path: Path) -> None:
    refused = tpi("clinic", "apply", str(tmp_path / "absent.json"))

    assert refused.exit_code == 2
    assert "→ Name a file" in refused.stderr


def test_a_clinic_with_a_fault_names_the_place(tpi: Tpi, tmp_path: Path) -> None:
    file = tmp_path / "clinic.json"
    file.write_text('{"resourceType": "Bundle", "type": "transaction", "entri": []}')

    refused = tpi("clinic", "apply", str(file))

    assert refused.exit_code == 1
    assert "no such element here. Bundle" in refused.stderr


@pytest.mark.usefixtures("clinic")
def test_a_placer_is_listed_with_what_it_can_carry(tpi: Tpi, lines: Lines) -> None:
    added = tpi(
        "placers", "add", "Northside EHR", "--base", "https://ehr.northside.example/fhir/",
        "--tells", "task", "--order-system", "https://ehr.northside.example/order", "--json",
    )  # fmt: skip

    listed = lines(tpi("placers", "list", "--json"))
    assert added.exit_code == 0
    assert listed == [
        {
            "v": 1,
            "kind": "placer",
            "client": lines(added)[0]["client"],
            "name": "Northside EHR",
            "active": True,
            "tells": "task",
            "base": "https://ehr.northside.example/fhir",
        }
    ]


@pytest.mark.usefixtures("clinic")
async def test_of_a_token_only_the_hash_is_kept(tpi: Tpi, lines: Lines, database: Database) -> None:
    issued = await _in_thread(lambda: tpi("keys", "token", "--person", CLINICIAN, "--json"))
    token = str(lines(issued)[0]["token"])

    async with database.as_owner() as conn:
        kept = await conn.fetch(
            "SELECT k.*, sha256($1::bytea) AS said FROM access_token k", token.encode()
        )

    assert len(token) > 40
    assert [row["sha256"] for row in kept] == [row["said"] for row in kept]
    assert not [value for row in kept for value in row.values() if value == token]


@pytest.mark.usefixtures("clinic")
def test_a_token_lives_a_year_at_most(tpi: Tpi) -> None:
    refused = tpi("keys", "token", "--person", CLINICIAN, "--days", "367")

    assert refused.exit_code == 1


@pytest.mark.usefixtures("clinic")
def test_a_revoked_token_cannot_be_revoked_again(tpi: Tpi, lines: Lines) -> None:
    key = str(lines(tpi("keys", "token", "--person", CLINICIAN, "--json"))[0]["id"])

    first, second = tpi("keys", "revoke", key), tpi("keys", "revoke", key)

    assert (first.exit_code, second.exit_code) == (0, 1)


@pytest.mark.usefixtures("clinic")
def test_an_unknown_person_is_told_who_there_is(tpi: Tpi) -> None:
    refused = tpi("keys", "token", "--person", "nobody")

    assert refused.exit_code == 2
    assert CLINICIAN in refused.stderr


@pytest.mark.usefixtures("clinic")
def test_an_ehrs_keys_are_trusted_from_a_file_with_a_usable_key(
    tpi: Tpi, lines: Lines, tmp_path: Path
) -> None:
    tpi("placers", "add", "Northside EHR")
    good, empty = tmp_path / "good.json", tmp_path / "empty.json"
    good.write_text(json.dumps(public(a_key())))
    empty.write_text('{"keys": []}')
    trust = ("placers", "trust", "Northside EHR", "--issuer", "https://ehr.example/", "--jwks")

    trusted = tpi(*trust, str(good), "--json")
    refused = [tpi(*trust, str(file)) for file in (empty, tmp_path / "absent.json")]

    (row,) = lines(trusted)
    assert (row["name"], row["issuer"]) == ("Northside EHR", "https://ehr.example/")
    assert [one.exit_code for one in refused] == [1, 2]
    assert "→ Give a file with a JWK Set." in refused[1].stderr


@pytest.mark.usefixtures("clinic")
def test_feedback_of_cards_that_nobody_saw_is_empty(tpi: Tpi) -> None:
    told = tpi("feedback", "--days", "7")

    assert (told.exit_code, told.stdout) == (0, "")


@pytest.mark.usefixtures("clinic")
def test_a_placer_of_a_known_name_is_refused(tpi: Tpi) -> None:
    tpi("placers", "add", "Northside EHR")

    refused = tpi("placers", "add", "Northside EHR")

    assert refused.exit_code == 1
    assert "→ Choose another name." in refused.stderr


@pytest.mark.usefixtures("clinic")
def test_a_disabled_placer_is_shown_as_such(tpi: Tpi, lines: Lines) -> None:
    tpi("placers", "add", "Northside EHR")

    done = tpi("placers", "disable", "Northside EHR")

    assert done.exit_code == 0
    assert [row["active"] for row in lines(tpi("placers", "list", "--json"))] == [False]


def test_without_a_clinic_the_operator_is_told_how_to_make_one(tpi: Tpi) -> None:
    refused = tpi("placers", "list")

    assert refused.exit_code == 2
    assert "tpi clinic apply" in refused.stderr


def test_the_pack_is_checked_and_says_that_nobody_reviewed_it(tpi: Tpi, lines: Lines) -> None:
    checked = tpi("pack", "check", "--json")

    assert checked.exit_code == 0
    assert lines(checked)[-1]["clinically_reviewed"] is False
    assert "Not clinically reviewed" in checked.stderr


def test_a_setting_that_cannot_be_used_is_named_without_its_value(tpi: Tpi) -> None:
    refused = tpi("placers", "list", TPI_PORT="canary-7777777")

    assert refused.exit_code == 2
    assert "TPI_PORT" in refused.stderr
    assert "canary" not in refused.stderr


def test_a_database_that_does_not_answer_leaves_the_question_open(tpi: Tpi) -> None:
    unknown = tpi("placers", "list", DATABASE_URL="postgresql://x@127.0.0.1:1/none")

    assert unknown.exit_code == 3
    assert "DATABASE_URL" in unknown.stderr


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run a command, which has a loop of its own, beside this test's loop."""

    return await anyio.to_thread.run_sync(work)
