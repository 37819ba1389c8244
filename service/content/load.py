"""Content packs from package data or a directory: bytes, proven by their digests, to the core."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.pack import read_pack
from fhir_mappings.problems import Code, Problem, Refused, refuse_any

SHIPPED: Final = "tpi-core"
SUMS: Final = "SHA256SUMS"


def load_pack(directory: Path | None = None) -> Pack:
    """Load the pack of a directory, or the one we ship.

    The directory holds `SHA256SUMS` (as `sha256sum` writes it) and the files named there; a file
    that is missing, changed or not named refuses the pack. The pack's digest is that of
    `SHA256SUMS`, so it stands for every byte of the pack.

    Raises:
        Refused: `pack`, with the file, member, set or rule that cannot be carried out.
    """
    root = directory or files("service.content").joinpath("packs", SHIPPED)
    sums = _read(root, SUMS)
    wanted = dict(_named(line) for line in sums.decode().splitlines())
    held = {name: _read(root, name) for name in wanted}
    refuse_any(
        Problem(Code.PACK, name, "digest differs")
        for name, data in held.items()
        if hashlib.sha256(data).hexdigest() != wanted[name]
    )
    unnamed = sorted({one.name for one in root.iterdir()} - wanted.keys() - {SUMS})
    refuse_any(Problem(Code.PACK, name, "not named in SHA256SUMS") for name in unnamed)
    resources = {name: data for name, data in held.items() if name.endswith(".json")}
    return read_pack(resources, digest=hashlib.sha256(sums).hexdigest())


def _named(line: str) -> tuple[str, str]:
    digest, _, name = line.partition("  ")
    if not digest or not name or "/" in name:
        raise Refused(Problem(Code.PACK, SUMS, "form of a line"))
    return name, digest


def _read(root: Path | Traversable, name: str) -> bytes:
    try:
        return root.joinpath(name).read_bytes()
    except FileNotFoundError:
        raise Refused(Problem(Code.PACK, name, "missing file")) from None
