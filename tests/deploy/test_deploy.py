"""What ships the service: the wheel has all it needs, the image and the compose file fit it."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from typer.testing import CliRunner

from service.cli import app

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose/compose.yaml"
SCHEMA = ROOT / "tests/data/compose/compose-spec.json"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def test_the_compose_file_fits_its_schema(compose: dict[str, Any]) -> None:
    schema = jsonschema_rs.Draft201909Validator(json.loads(SCHEMA.read_text()))
    known = {
        name: part for name, part in compose.items() if name != "name"
    }  # newer than the schema

    faults = [fault.message for fault in schema.iter_errors(known)]

    assert faults == []


def test_the_schema_sees_a_fault(compose: dict[str, Any]) -> None:
    schema = jsonschema_rs.Draft201909Validator(json.loads(SCHEMA.read_text()))
    wrong = {**compose["services"]["web"], "restarts": "always"}

    assert not schema.is_valid({"services": {"web": wrong}})


def test_what_serves_is_closed(compose: dict[str, Any]) -> None:
    ours = [compose["services"][name] for name in ("migrate", "web", "worker")]

    assert all(one["read_only"] and one["cap_drop"] == ["ALL"] for one in ours)
    assert compose["services"]["web"]["ports"] == ["127.0.0.1:8080:8080"]
    assert not any("ports" in compose["services"][name] for name in ("postgres", "worker"))


def test_commands_of_the_image_exist(compose: dict[str, Any]) -> None:
    asked = re.findall(r"tpi (\w+) ?(\w*)", compose["services"]["migrate"]["command"][0])
    asked += [(compose["services"][name]["command"][0], "") for name in ("web", "worker")]

    answers = [CliRunner().invoke(app, [*filter(None, words), "--help"]) for words in asked]

    assert [one.exit_code for one in answers] == [0] * 4


def test_the_image_copies_what_is_there_and_ignores_the_rest() -> None:
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    sources = {source for line in copied for source in line.split()}
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }

    assert all((ROOT / source).exists() for source in sources)
    assert {re.sub(r"\w+\.txt$", "*.txt", source) for source in sources} == let_in


def test_the_wheel_carries_every_file_of_the_two_packages(tmp_path: Path) -> None:
    subprocess.run(  # noqa: S603 - the builder that pyproject.toml names
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as packed:
        carried = set(packed.namelist())

    wanted = {
        str(path.relative_to(ROOT))
        for package in ("fhir_mappings", "service")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= carried
