"""Programs of ours on a Java virtual machine: built once by Maven, started, stopped by their id."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fhir_mappings.model.json import Json

HERE: Final = Path(__file__).parent / "hapi"
MISSING: Final = "no JDK 17; apt-get install openjdk-17-jdk-headless maven"
OLDEST_JDK: Final = 17
SMALL: Final = ("-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Half the memory and less than half the time to start, on a busy machine (measured)."""

_TARGET: Final = HERE / "target"
_STOP_SECONDS: Final = 10


class Ended(Exception):
    """A program ended or said nothing; the text has the end of its log."""


def found() -> bool:
    """Say whether there are a JDK that is new enough and Maven."""
    compiler = shutil.which("javac")
    if not (compiler and shutil.which("java") and shutil.which("mvn")):
        return False
    said = subprocess.run(  # noqa: S603 - the compiler that was just found
        [compiler, "-version"], capture_output=True, text=True, check=True
    )
    version = re.search(r"\d+", said.stdout + said.stderr)
    return version is not None and int(version.group()) >= OLDEST_JDK


def build() -> None:
    """Let Maven fetch what the pom names and compile, unless that was done for these sources."""
    mark, digest = _TARGET / "built-from", _digest()
    if mark.is_file() and mark.read_text() == digest and all(map(os.path.exists, _classpath())):
        return
    maven = shutil.which("mvn") or "mvn"
    run = subprocess.run(  # noqa: S603 - Maven, with the machine's own settings
        [maven, "-q", "-B", "--no-transfer-progress", "compile"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise Ended(f"Maven could not build the rig:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    mark.write_text(digest)


def _digest() -> str:
    sources = [HERE / "pom.xml", *sorted((HERE / "src").rglob("*.java"))]
    return hashlib.sha256(b"".join(one.read_bytes() for one in sources)).hexdigest()


def _classpath() -> list[str]:
    return (_TARGET / "classpath").read_text().split(os.pathsep)


class Program:
    """One main class that runs beside us: lines in, JSON lines out, its log in a file."""

    def __init__(self, main: str, log: Path) -> None:
        self.log = log
        classpath = os.pathsep.join([str(_TARGET / "classes"), *_classpath()])
        with log.open("wb") as told:
            self._popen = subprocess.Popen(  # noqa: S603 - our own class, no shell
                [shutil.which("java") or "java", *SMALL, "-cp", classpath, main],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )

    def tell(self, line: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{line}\n")
        self._popen.stdin.flush()

    def hear(self) -> Json:
        """Wait for its next line.

        Raises:
            Ended: it ended instead.
        """
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        if not line:
            raise Ended(f"It ended. Its log: {self.log}\n{self.tail()}")
        heard: Json = json.loads(line)
        return heard

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            pipe.close()
