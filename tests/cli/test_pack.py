"""A pack is checked and explained without a database."""

import json
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner, Result

from fhir_mappings.decide.pack_check import check_pack
from fhir_mappings.model.json import Tree
from fhir_mappings.model.pack import Pack
from service.cli import app
from service.content.load import load_pack
from service.loop.look import said

PAYLOADS = Path("tests/data/payloads/tpi")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["pack", *arguments])


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("clean", "clear"), ("anticoagulated", "review"), ("active-infection", "block")],
)
def test_a_bundle_is_screened_offline(name: str, outcome: str) -> None:
    file = str(PAYLOADS / f"{name}-referral.json")

    explained = run("explain", file, "--today", "2026-11-23", "--json")

    rows: list[Tree] = [json.loads(line) for line in explained.stdout.splitlines()]
    assert explained.exit_code == 0
    assert said(rows[-1], "outcome") == outcome


def test_every_rule_of_the_pack_has_its_verdict() -> None:
    file = str(PAYLOADS / "anticoagulated-referral.json")

    explained = run("explain", file, "--today", "2026-11-23", "--json", "--show-phi")

    rows: list[Tree] = [json.loads(line) for line in explained.stdout.splitlines()]
    checked: list[Tree] = [json.loads(line) for line in run("check", "--json").stdout.splitlines()]
    fired = [row for row in rows if said(row, "verdict") == "fired"]
    assert sum(said(row, "kind") == "rule" for row in rows) == checked[-1]["rules"]
    assert any("apixaban" in str(row["evidence"]) for row in fired)


def test_a_patients_values_are_shown_only_when_asked_for() -> None:
    file = str(PAYLOADS / "anticoagulated-referral.json")

    explained = run("explain", file, "--today", "2026-11-23")

    assert "MedicationStatement.medication" in explained.stdout
    assert "apixaban" not in explained.stdout.lower()


def test_a_bundle_that_the_door_would_refuse_is_refused_with_its_place(tmp_path: Path) -> None:
    bundle = (PAYLOADS / "clean-referral.json").read_text().replace('"female"', '"unsure"')
    file = tmp_path / "bundle.json"
    file.write_text(bundle)

    refused = run("explain", str(file))

    assert refused.exit_code == 1
    assert "Bundle.entry[0].resource.gender" in refused.stderr


def test_a_pack_with_a_changed_file_is_refused_by_its_name(tmp_path: Path) -> None:
    shipped = Path("service/content/packs/tpi-core")
    for one in shipped.iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes())
    changed = next(one for one in sorted(tmp_path.iterdir()) if one.suffix == ".json")
    changed.write_bytes(changed.read_bytes() + b" ")

    refused = run("check", "--pack", str(tmp_path))

    assert refused.exit_code == 1
    assert changed.name in refused.stderr


def test_a_check_lists_every_number_without_a_source() -> None:
    checked = run("check", "--json")

    rows: list[Tree] = [json.loads(line) for line in checked.stdout.splitlines()]
    listed = [
        (said(row, "rule"), said(row, "what")) for row in rows if said(row, "kind") == "unsourced"
    ]
    assert listed == [(one.rule, one.what) for one in check_pack(load_pack()).unsourced]
    assert checked.exit_code == 0


def test_a_pack_whose_set_lost_its_codes_and_words_fails_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = structs.replace(load_pack(), codes={})

    def load_bare(_directory: Path | None) -> Pack:
        return bare

    monkeypatch.setattr("service.cli.pack.load_pack", load_bare)

    checked = run("check", "--json")

    assert "dangling" in checked.stdout
    assert checked.exit_code == 1
