"""FHIR that others made, and the payloads of the protocol: bytes as they were published."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parents[1] / "data"


class Stored(NamedTuple):
    """One file: its name at its source, and its bytes."""

    file: str
    body: bytes


@cache
def public() -> tuple[Stored, ...]:
    """Return every public example of a type that the service reads."""
    return tuple(
        one for packed in sorted((DATA / "corpus").glob("*.gz")) for one in _unpacked(packed)
    )


@cache
def payloads() -> tuple[Stored, ...]:
    """Return the payloads of the protocol: referrals and its examples."""
    files = sorted((DATA / "payloads").glob("*/*.json"))
    return tuple(Stored(f"{file.parent.name}/{file.name}", file.read_bytes()) for file in files)


def payload(name: str) -> bytes:
    """Return one payload by folder and name, as in `tpi/clean-referral`."""
    return (DATA / "payloads" / f"{name}.json").read_bytes()


def _unpacked(packed: Path) -> Iterator[Stored]:
    with gzip.open(packed, "rt", encoding="utf-8") as lines:
        for line in lines:
            one: dict[str, str] = json.loads(line)
            yield Stored(one["file"], one["body"].encode())
