"""What the tests' processes leave behind, searched for the people of the tests (SECURITY §5).

Logs, PostgreSQL's log, rows of jobs, refusals, addresses: each test process searches what it made,
the run adds it up and fails where somebody was found. The place is named, never the word.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypedDict, cast

import httpx2

PAYLOADS: Final = Path("tests/data/payloads")
MARKS: Final = ("Muster-", "MRN-", "QxCanary7", "VICTIM")
"""How tests begin the names and numbers that they make up themselves."""
Tree = dict[str, Any]


class Told(TypedDict):
    """What one test process tells the run, in plain values."""

    searched: dict[str, int]
    found: list[str]
    server_logs: dict[str, int]


@dataclass
class LeftBehind:
    """How many bytes were searched by kind of place, and where somebody stands."""

    words: Sequence[bytes]
    searched: Counter[str] = field(default_factory=Counter[str])
    found: list[str] = field(default_factory=list[str])
    server_logs: dict[str, int] = field(default_factory=dict[str, int])
    """The size that each server's log had when the run began."""
    during: str = ""
    """The test that runs."""

    def search(self, place: str, text: bytes, *, during: str | None = None) -> None:
        self.searched[place] += len(text)
        first = min((at for word in self.words if (at := text.find(word)) >= 0), default=-1)
        if first >= 0:
            line = text.count(b"\n", 0, first) + 1
            self.found.append(f"{place}, line {line}, {during or self.during}")

    def search_file(self, place: str, file: Path, *, since: int = 0) -> None:
        with file.open("rb") as lines:
            lines.seek(since)
            self.search(place, lines.read(), during=f"of {file.name} after byte {since}")

    def begin_server_log(self, log: Path) -> None:
        self.server_logs.setdefault(str(log), log.stat().st_size)

    def told(self) -> Told:
        return Told(
            searched=dict(self.searched), found=self.found, server_logs=dict(self.server_logs)
        )

    def add(self, told: Told) -> None:
        """Take in what another test process searched."""
        self.searched.update(told["searched"])
        self.found += told["found"]
        for log, size in told["server_logs"].items():
            self.server_logs[log] = min(size, self.server_logs.get(log, size))

    def search_server_logs(self) -> None:
        """Search what the servers logged since the run began; the test processes share them."""
        for log, size in self.server_logs.items():
            self.search_file("PostgreSQL's log", Path(log), since=size)
        self.server_logs.clear()

    def __str__(self) -> str:
        by_place = ", ".join(f"{name} {size:,}" for name, size in sorted(self.searched.items()))
        return f"{self.searched.total():,} bytes searched for the tests' patients: {by_place}"


@cache
def people() -> tuple[bytes, ...]:
    """Everything by which a patient of the payloads is known."""
    trees = [json.loads(file.read_bytes()) for file in sorted(PAYLOADS.rglob("*.json"))]
    known = {word for tree in trees for word in _known_by(tree)}
    return tuple(sorted(word.encode() for word in {*known, *MARKS}))


def _known_by(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        tree = cast("Tree", node)
        if tree.get("resourceType") == "Patient":
            yield from _identifying(tree)
        for value in tree.values():
            yield from _known_by(value)
    if isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _known_by(value)


def _identifying(patient: Tree) -> Iterator[str]:
    for name in patient.get("name", ()):
        yield from [*name.get("given", ()), name.get("family", name.get("text"))]
    for one in (*patient.get("identifier", ()), *patient.get("telecom", ())):
        yield one["value"]
    for address in patient.get("address", ()):
        yield from address.get("line", ())
    if "birthDate" in patient:
        yield patient["birthDate"]


here: Final = LeftBehind(people())
"""What this test process searched."""


async def search_answer(answer: httpx2.Response) -> None:
    """Search a refusal whole, of any answer where things stand: a hook of the tests' client."""
    await answer.aread()
    told = [answer.headers.get(name, "") for name in ("location", "content-location")]
    if answer.status_code >= httpx2.codes.BAD_REQUEST:
        here.search("refusals", answer.content)
    elif answer.content and "json" in answer.headers.get("content-type", ""):
        told += addresses(answer.json())
    here.search("addresses", "\n".join(told).encode())


def addresses(tree: Tree) -> list[str]:
    """Where an answer says that things stand; a `self` link is the caller's own query."""
    entries: list[Tree] = tree.get("entry", []) if tree.get("resourceType") == "Bundle" else []
    said = [one.get("response", {}).get("location", "") for one in entries]
    return [*said, *(one.get("fullUrl", "") for one in entries)]
