"""An operator adopts a pack: who and why are asked, and a process with another one is told of."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from fhir_mappings.model.json import Tree
from service.loop.look import said
from tests.cli.conftest import Tpi
from tests.kit.clinic import FILE
from tests.kit.own_packs import a_source

Lines = Callable[[Result], list[Tree]]


def built(tpi: Tpi, folder: Path) -> str:
    (folder / "pack.json").write_text(json.dumps(a_source()))
    assert tpi("pack", "build", str(folder), str(folder / "built")).exit_code == 0
    return str(folder / "built")


def looked_at(tpi: Tpi, lines: Lines, **environment: str) -> str:
    checks = lines(tpi("doctor", "--json", **environment))
    return next(said(one, "level") for one in checks if said(one, "name") == "adopted")


def test_a_pack_is_not_adopted_without_who_and_why(tpi: Tpi, tmp_path: Path) -> None:
    tpi("clinic", "apply", str(FILE))
    pack = built(tpi, tmp_path)

    refused = tpi("pack", "adopt", pack)

    assert refused.exit_code == 2
    assert "--by and --why" in refused.stderr


def test_the_doctor_finds_a_process_with_another_pack_than_was_adopted(
    tpi: Tpi, lines: Lines, tmp_path: Path
) -> None:
    tpi("clinic", "apply", str(FILE))
    pack = built(tpi, tmp_path)
    before = looked_at(tpi, lines)

    adopted = tpi("pack", "adopt", pack, "--by", "Synthetic Operator", "--why", "a test")

    assert adopted.exit_code == 0, adopted.stderr
    assert before == "ok"
    assert looked_at(tpi, lines) == "fail"
    assert looked_at(tpi, lines, TPI_PACK=pack) == "ok"


def test_a_pack_whose_examples_are_wrong_is_not_adopted(tpi: Tpi, tmp_path: Path) -> None:
    tpi("clinic", "apply", str(FILE))
    case = {"name": "x", "findings": {"BLK-00": "block"}, "outcome": "block"}
    (tmp_path / "examples.json").write_text(json.dumps({"cases": [case]}))
    pack = built(tpi, tmp_path)

    refused = tpi("pack", "adopt", pack, "--dry-run")

    assert refused.exit_code == 2
    assert "examples are wrong" in refused.stderr


def test_a_pack_is_adopted_for_every_clinic_of_the_database(
    tpi: Tpi, lines: Lines, tmp_path: Path
) -> None:
    second = FILE.read_text().replace("444455556666", "444455557777")
    (tmp_path / "second.json").write_text(second)
    applied = [tpi("clinic", "apply", file) for file in (str(FILE), str(tmp_path / "second.json"))]
    pack = built(tpi, tmp_path)

    adopted = tpi("pack", "adopt", pack, "--by", "Synthetic", "--why", "a test", "--json")

    assert [one.exit_code for one in applied] == [0, 0]
    assert [said(one, "kind") for one in lines(adopted)] == ["adopted", "adopted"]
    assert looked_at(tpi, lines, TPI_PACK=pack) == "ok"
