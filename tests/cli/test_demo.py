"""The demo: it ends by itself, leaves its story, and fails where a part of the loop is missing."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.cli.processes import Process
from service.store.embedded import Running
from tests.kit import emitted

pytestmark = pytest.mark.timeout(240)


def a_demo(postgres: Running, folder: Path, *arguments: str) -> Process:
    name = f"demo_{os.getpid()}"
    options = ["demo", "--plain", "--name", name, "--folder", str(folder)]
    environment = {"DATABASE_URL": postgres.url("postgres"), "NO_COLOR": "1"}
    return Process("demo", [*options, *arguments], environment=environment, folder=folder / "log")


@dataclass(frozen=True)
class Told:
    """One run of the demo: its end, what it printed, what it left."""

    code: int
    printed: str
    folder: Path


@pytest.fixture(scope="module")
def told(postgres: Running, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("demo")
    with a_demo(postgres, folder) as demo:
        code = demo.wait(seconds=90)
    for one in sorted(folder.glob("exchanges/*.json")):
        emitted.keep(f"the demo, {one.name}", json.loads(one.read_text())["received"])
    return Told(code=code, printed=demo.log.read_text(encoding="utf-8"), folder=folder)


def test_the_demo_ends_by_itself_with_every_step_as_told(told: Told) -> None:
    assert told.code == 0, told.printed
    assert re.search(r"read back: Procedure/\S+ stands", told.printed)
    assert told.printed.count("\n  ✓ ") > 20


def test_its_page_shows_every_step_and_its_folder_every_exchange(told: Told) -> None:
    page = (told.folder / "index.html").read_text(encoding="utf-8")
    kept = [json.loads(one.read_text()) for one in (told.folder / "exchanges").iterdir()]

    assert page.count("<h2>") == 6
    assert "read back" in page
    assert len(kept) > 60
    assert all({"sent", "received"} == set(one) for one in kept)


def test_no_token_stands_in_what_it_leaves(told: Told) -> None:
    left = [*told.folder.rglob("*.html"), *told.folder.rglob("*.json"), *told.folder.rglob("*.log")]

    token = re.compile(r"tpi_[A-Za-z0-9_-]{43}")
    assert not [one.name for one in left if token.search(one.read_text(encoding="utf-8"))]


def test_without_the_worker_it_fails_at_the_write_back(postgres: Running, tmp_path: Path) -> None:
    with a_demo(postgres, tmp_path / "alone", "--no-worker", "--patience", "4") as demo:
        code = demo.wait(seconds=90)

    printed = demo.log.read_text(encoding="utf-8")
    assert code == 1
    assert "✓ The clinician injects" in printed
    assert "✗ Not as told. the write-back is proven" in printed


def test_a_demo_that_is_stopped_leaves_nothing_running(postgres: Running, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"

    with a_demo(postgres, folder) as demo:
        demo.wait_until((folder / "serve.log").is_file, seconds=60)
        started = children_of(demo.pid)
    left = [pid for pid in started if Path(f"/proc/{pid}").exists()]

    assert len(started) >= 2
    assert left == []
    assert demo.ended not in {0, None}


def children_of(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in told.split()]
