"""What our service put on the wire while tests ran, for HAPI's validator to judge afterwards.

Only when pytest is given `--emitted FOLDER`. One body of each shape: two that differ in ids,
figures and times alone are one. What our doors answered in any test, what was sent to a placer, and
what the demo was told; `make interop` judges it.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx2

_NEW_EACH_TIME: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+|(?<=: )[A-Z][a-z]+day [^\"]*"
)

_WRITTEN: Final = re.compile(r"(POST|PUT) /fhir/[A-Za-z]+(/[A-Za-z0-9.-]+)?")
"""Create and update: the answer is what was sent, in its sender's words."""


class Emitted:
    """A folder of bodies, each in a file named after its shape, with where it was seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, where: str, body: object) -> None:
        """Keep a resource, a tree or its bytes; what is no resource is passed over."""
        text = body if isinstance(body, str) else json.dumps(body, default=str)
        if '"resourceType"' not in text:
            return
        shape = hashlib.sha256(_NEW_EACH_TIME.sub("", text).encode()).hexdigest()[:24]
        file = self._folder / f"{shape}.json"
        if not file.exists():
            draft = self._folder / f"{shape}.{os.getpid()}"  # test processes share the folder
            draft.write_text(f"{where}\n{text}", encoding="utf-8")
            draft.replace(file)

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (where it was seen, tree)."""
        for file in sorted(self._folder.glob("*.json")):
            where, text = file.read_text(encoding="utf-8").split("\n", 1)
            yield where, json.loads(text, parse_float=Decimal)


_chosen: list[Emitted] = []


def choose(folder: str | None) -> None:
    """Keep what is emitted from now on in this folder; None: nowhere."""
    _chosen[:] = [Emitted(Path(folder))] if folder else []


def keep(where: str, body: object) -> None:
    """Keep a body where the run asked for it."""
    for one in _chosen:
        one.keep(where, body)


async def keep_answer(answer: httpx2.Response) -> None:
    """Keep what our own door says, but for a sender's resource: a hook of the tests' client."""
    if _chosen and "json" in answer.headers.get("content-type", ""):
        await answer.aread()
        asked = f"{answer.request.method} {answer.request.url.raw_path.decode()}"
        if answer.is_error or not _WRITTEN.fullmatch(asked):
            keep(f"{answer.status_code} {asked}", answer.text)
