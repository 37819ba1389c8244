"""A patient who is left in any place that a run searches fails the run (SECURITY T50, T51).

The planted tests pass by themselves; only the search at the end of their run finds what they left.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from service.settings import child_environment
from tests.kit.left_behind import LeftBehind

PLACES = (
    "the log",
    "logs of processes",
    "PostgreSQL's log",
    "table message",
    "refusals",
    "addresses",
)
PLANTED = """
import asyncpg, httpx2, pytest
from service import log
from tests.kit.left_behind import search_answer

def test_log():
    log.logger().info("referral.received", problem="Muster-One")

def test_log_of_a_process(tmp_path):
    (tmp_path / "serve.log").write_text("born on 1979-04-12")

async def test_log_of_the_server(database):
    async with database.as_owner() as owner:
        with pytest.raises(asyncpg.DataError):
            await owner.fetchval("SELECT 'MRN-a'::int")

async def test_row(database):
    async with database.as_owner() as owner:
        await owner.execute(
            "INSERT INTO message (tenant, id, placer_id, channel, verdict, digest, size, problem,"
            " received_at) VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
            " 'transaction', 'rejected', '', 0, 'Muster-Two', now())"
        )

async def test_refusal():
    await search_answer(httpx2.Response(400, text="Muster-Three is none"))

async def test_address():
    await search_answer(httpx2.Response(201, headers={"location": "/fhir/Patient/MRN-b"}))
"""
WORDS = re.compile(r"Muster-(One|Two|Three)|1979-04-12|MRN-[ab]")


@pytest.fixture(scope="module")
def run() -> subprocess.CompletedProcess[str]:
    """A run of its own, with a test process as `make test` has two.

    Neither its folder nor its server is ours: our own run is searched too.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the account that PostgreSQL runs under goes in
        file = Path(folder) / "test_planted.py"
        file.write_text(PLANTED)
        options = ["-q", "-n", "1", "-c", "pyproject.toml", "-p", "tests.conftest"]
        options += ["-p", "no:cacheprovider", f"--basetemp={folder}/kept"]
        return subprocess.run(  # noqa: S603 - our own test runner
            [sys.executable, "-m", "pytest", *options, str(file)],
            capture_output=True,
            text=True,
            check=False,
            env=child_environment(TPI_PG_HOME=f"{folder}/pg"),
        )


@pytest.mark.timeout(120)
def test_t50_t51_patients_left_behind_fail_a_run_whose_tests_pass(
    run: subprocess.CompletedProcess[str],
) -> None:
    assert f"{len(PLACES)} passed" in run.stdout, run.stdout
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert not WORDS.search(run.stdout)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", PLACES)
def test_t50_t51_each_place_is_named(run: subprocess.CompletedProcess[str], place: str) -> None:
    assert f"A PATIENT STANDS IN {place}, line " in run.stdout


def test_where_nobody_stands_the_bytes_are_counted_and_nothing_is_found() -> None:
    searched = LeftBehind([b"Muster-One"])

    searched.search("the log", b'{"event":"referral.received"}')
    searched.add(searched.told())

    assert searched.searched == {"the log": 58}
    assert searched.found == []
