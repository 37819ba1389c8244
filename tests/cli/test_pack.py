"""A pack is checked and explained without a database."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fhir_mappings.decide.pack_check import check_pack
from fhir_mappings.model.json import Tree
from service.cli import app
from service.content.load import SIGNATURE, load_pack
from service.loop.look import said
from tests.kit.own_packs import a_source, own_pack, plain, the_base

PAYLOADS = Path("tests/data/payloads/tpi")
WRONG = {"name": "nothing fires", "findings": {"BLK-00": "block"}, "outcome": "block"}


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["pack", *arguments], env=env)


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


def test_what_fired_and_what_nearly_did_stands_before_the_rest() -> None:
    file = str(PAYLOADS / "anticoagulated-referral.json")

    explained = run("explain", file, "--today", "2026-11-23", "--json")

    rows: list[Tree] = [json.loads(line) for line in explained.stdout.splitlines()][:-1]
    fired = [said(one, "verdict") == "fired" for one in rows]
    nothing = ["nothing of it is recorded" in str(one["evidence"]) for one in rows]
    assert fired == sorted(fired, reverse=True)
    assert nothing.index(True) > sum(fired)
    assert any("not in a state that counts" in str(one["evidence"]) for one in rows)


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


def test_every_number_is_listed_as_a_clinic_names_it_in_its_own_pack() -> None:
    told = run("check", "--numbers", "--json")

    rows: list[Tree] = [json.loads(line) for line in told.stdout.splitlines()]
    listed = [one for one in rows if said(one, "kind") == "number"]
    chosen = next(one for one in listed if isinstance(one["value"], (int, str)))
    number = {name: chosen[name] for name in ("rule", "what")}
    own_pack(plain(numbers=[{**number, "was": chosen["value"], "now": 1, "origin": "ours"}]))
    assert len(listed) == sum(len(one.thresholds) for one in load_pack().content.rules)


def test_a_pack_whose_set_lost_its_codes_and_words_fails_the_check(tmp_path: Path) -> None:
    source = a_source(words={}, variants=[])
    (name,) = source["codes"]
    source["codes"] = {name: {}}
    folder = a_folder(tmp_path, source)

    checked = run("check", "--pack", str(folder), "--json")

    rows: list[Tree] = [json.loads(line) for line in checked.stdout.splitlines()]
    assert [said(one, "value_set") for one in rows if said(one, "kind") == "dangling"] == [name]
    assert [said(one, "what") for one in rows if said(one, "kind") == "unreachable"]
    assert checked.exit_code == 1


def test_a_clinics_pack_is_built_from_its_source_and_judges(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, a_source())

    checked = run("check", "--pack", str(folder), "--json")

    told: Tree = json.loads(checked.stdout.splitlines()[-1])
    assert checked.exit_code == 0
    assert said(told, "name") == a_source()["name"]
    assert load_pack(folder).digest == said(told, "digest")


def test_nothing_is_written_for_a_source_that_could_not_be_carried_out(tmp_path: Path) -> None:
    (tmp_path / "pack.json").write_text(json.dumps(a_source(colour="red")))

    built = run("build", str(tmp_path), str(tmp_path / "built"))

    assert built.exit_code == 1
    assert "pack.json: colour" in built.stderr
    assert not (tmp_path / "built").exists()


def test_a_pack_is_not_built_over_one_that_changes_another(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, plain())
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "pack.json").write_text(json.dumps(plain(name="second")))

    built = run("build", str(tmp_path / "second"), str(tmp_path / "more"), "--base", str(folder))

    assert built.exit_code == 1
    assert "a base that has a base" in built.stderr


def test_a_signature_counts_for_the_bytes_that_were_signed_and_no_others(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, a_source())
    key, reviewers = str(tmp_path / "key"), str(tmp_path / "reviewers.json")
    by = {"TPI_PACK_REVIEWERS": reviewers}
    made = run("key", key, "--name", "Synthetic Reviewer", "--role", "x", "--reviewers", reviewers)

    signed = run("sign", str(folder), "--key", key)
    counts = run("check", "--pack", str(folder), env=by)
    stranger = run("check", "--pack", str(folder))
    rebuild(folder, a_source(title="Another"))
    changed = run("check", "--pack", str(folder), env=by)

    assert (made.exit_code, signed.exit_code) == (0, 0)
    assert "Signed by Synthetic Reviewer, x" in counts.stderr
    assert "does not count: its key is none" in stranger.stderr
    assert "does not count: the pack was changed" in changed.stderr
    assert "Not clinically reviewed" in changed.stderr


def test_a_private_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key, reviewers = tmp_path / "key", tmp_path / "reviewers.json"
    arguments = [str(key), "--name", "Synthetic Reviewer", "--role", "x"]

    run("key", *arguments, "--reviewers", str(reviewers))

    assert key.stat().st_mode & 0o077 == 0
    private: Tree = json.loads(key.read_text())
    assert said(private, "d") not in reviewers.read_text()


def test_a_difference_names_each_bundle_and_rule_that_changes(tmp_path: Path) -> None:
    fired = fired_by("anticoagulated")
    gone = next(rule for rule in fired if not named_elsewhere(rule))
    folder = a_folder(tmp_path, plain(withdrawn={gone: "Not at Muster."}))

    told = run("diff", "shipped", str(folder), str(PAYLOADS), "--today", "2026-11-23", "--json")

    rows: list[Tree] = [json.loads(line) for line in told.stdout.splitlines()]
    changed = [one for one in rows if said(one, "kind") == "changed"]
    assert any(gone in str(one["rules"]) for one in changed)
    by_rule = {said(one, "change"): one["bundles"] for one in rows if said(one, "kind") == "rule"}
    assert sum(gone in change for change in by_rule) == 1
    total = rows[-1]
    assert total["bundles"] == len(list(PAYLOADS.glob("*.json")))
    assert len(changed) == int(str(total["outcome"])) + int(str(total["findings"])) > 0


def test_a_pack_differs_in_nothing_from_itself() -> None:
    shipped = "service/content/packs/tpi-core"

    told = run("diff", "shipped", shipped, str(PAYLOADS), "--today", "2026-11-23", "--json")

    total: Tree = json.loads(told.stdout.splitlines()[-1])
    assert (total["outcome"], total["findings"]) == (0, 0)
    assert total["same"]


def test_a_wrong_example_fails_the_test_of_a_pack_by_its_name(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, plain(), examples={"cases": [WRONG]})

    tried = run("test", "--pack", str(folder), "--json")

    rows: list[Tree] = [json.loads(line) for line in tried.stdout.splitlines()]
    wrong = [one for one in rows if said(one, "kind") == "wrong"]
    assert [said(one, "example") for one in wrong] == [WRONG["name"]]
    assert tried.exit_code == 1


def test_a_pack_with_a_wrong_example_is_not_signed(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, plain(), examples={"cases": [WRONG]})
    key, reviewers = str(tmp_path / "key"), str(tmp_path / "reviewers.json")
    run("key", key, "--name", "Synthetic Reviewer", "--role", "x", "--reviewers", reviewers)

    refused = run("sign", str(folder), "--key", key)

    assert refused.exit_code == 2
    assert not (folder / SIGNATURE).exists()


def test_every_example_of_the_shipped_pack_is_right() -> None:
    tried = run("test", "--json")

    *rest, total = [json.loads(line) for line in tried.stdout.splitlines()]
    assert tried.exit_code == 0
    assert rest == [], "each rule has an example that fires, one that does not, one undecidable"
    assert (total["wrong"], total["right"]) == (0, total["tried"])


def a_folder(
    folder: Path, source: dict[str, Any], *, examples: dict[str, Any] | None = None
) -> Path:
    (folder / "pack.json").write_text(json.dumps(source))
    if examples is not None:
        (folder / "examples.json").write_text(json.dumps(examples))
    built = run("build", str(folder), str(folder / "built"))
    assert built.exit_code == 0, built.stderr
    return folder / "built"


def rebuild(folder: Path, source: dict[str, Any]) -> None:
    """Build again over a pack, its signature kept."""
    signature = (folder / SIGNATURE).read_bytes()
    for one in folder.iterdir():
        one.unlink()
    a_folder(folder.parent, source)
    (folder / SIGNATURE).write_bytes(signature)


def fired_by(payload: str) -> list[str]:
    file = str(PAYLOADS / f"{payload}-referral.json")
    explained = run("explain", file, "--today", "2026-11-23", "--json")
    rows: list[Tree] = [json.loads(line) for line in explained.stdout.splitlines()]
    return [said(one, "rule") for one in rows if said(one, "verdict") == "fired"]


def named_elsewhere(name: str) -> bool:
    others = [one for key, one in the_base().rules.items() if key != name]
    return any(f'"{name}"' in json.dumps(one, default=str) for one in others)
