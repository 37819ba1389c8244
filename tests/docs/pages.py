"""A page of the documentation as a reader follows it: its commands in order, what they print."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"^make (?P<target>[a-z]+)\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Commands of one `sh` fence, and the `text` fence right after it, if there is one."""

    commands: str
    printed: str | None

    @property
    def targets(self) -> list[str]:
        """The targets where these are commands of make, which tests must not run again."""
        return [found["target"] for found in _MAKE.finditer(self.commands)]


def blocks(page: Path) -> list[Block]:
    """Return the commands of a page in order."""
    found = [(one[1], one[2]) for one in _BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return [
        Block(text, after[1] if after[0] == "text" else None)
        for (kind, text), after in zip(found, [*found[1:], ("", "")], strict=True)
        if kind == "sh"
    ]


def follow(
    page: Path, *, places: Mapping[str, str], environment: Mapping[str, str]
) -> list[tuple[Block, str]]:
    """Run a page's commands in one shell and return what each block printed.

    `places` are replaced in the text: folders and ports of this run for those of the page.
    """
    run = [one for one in blocks(page) if not one.targets]
    script = "\n".join(f"printf '\\n@@%s\\n' {at}\n{one.commands}" for at, one in enumerate(run))
    tpi = f"{sys.executable} -m service.cli"
    for told, here in {".venv/bin/tpi": tpi, **places}.items():
        script = script.replace(told, here)
    status, out, err = _bash(script, environment)
    assert status == 0, f"{page.name}: {out[-2000:]}\n{err[-2000:]}"
    printed = re.split(r"\n@@\d+\n", out)[1:]
    return list(zip(run, printed, strict=True))


def _bash(script: str, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a script, and end whatever it left running in the background."""
    shell = subprocess.Popen(  # noqa: S603 - the commands of our own pages
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = shell.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
    return shell.returncode, out, err


def alike(told: str, printed: str) -> bool:
    """Compare line by line; `…` in a told line stands for anything on that line."""
    wanted, seen = told.rstrip().splitlines(), printed.rstrip().splitlines()
    return len(wanted) == len(seen) and all(
        re.fullmatch(".*".join(re.escape(part) for part in one.split("…")), other.rstrip())
        for one, other in zip((line.rstrip() for line in wanted), seen, strict=True)
    )
