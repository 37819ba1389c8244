"""Content packs from package data or a directory: bytes, proven by their digests, to the core."""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.pack import read_pack
from fhir_mappings.parse.pack_examples import FILE as EXAMPLES
from fhir_mappings.parse.pack_files import read_layer
from fhir_mappings.parse.pack_layers import Layer, laid
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.render.pack_resources import action
from service.content.packs.files import SUMS
from service.content.signature import signature_of

SHIPPED: Final = "tpi-core"
SIGNATURE: Final = "SIGNATURE"


class Folder(NamedTuple):
    """A pack's folder: where it is, its layer, its examples and the digest of all its bytes."""

    root: Traversable
    layer: Layer
    examples: bytes
    digest: str


def load_pack(
    directory: Path | None = None, *, base: Path | None = None, reviewers: Path | None = None
) -> Pack:
    """Load the pack of a directory, or the one we ship.

    The directory holds `SHA256SUMS` (as `sha256sum` writes it) and the files named there; a file
    that is missing, changed or not named refuses the pack. A pack that changes another one is laid
    over it: the one we ship, or that of `base`. The digest stands for every byte of both.
    `reviewers` is the file of the keys whose signature counts.

    Raises:
        Refused: `pack`, with the file, member, set or rule that cannot be carried out.
        KeyUnusable: the pack is signed and `reviewers` holds no keys.
    """
    folders = open_folders(directory, base=base)
    pack = read_pack(layer_of(folders), digest=digest_of(folders))
    signed = folders[-1].root.joinpath(SIGNATURE)
    if not signed.is_file():
        return pack
    signature = signature_of(signed.read_bytes().strip(), pack, reviewers)
    return msgspec.structs.replace(pack, signature=signature)


def open_folders(directory: Path | None = None, *, base: Path | None = None) -> tuple[Folder, ...]:
    """Read a pack's folder, and before it that of the pack which it changes.

    Raises:
        Refused: `pack`, where a file is not as it should be.
    """
    own = _opened(directory or _shipped())
    return (own,) if own.layer.head.base is None else (_opened(base or _shipped()), own)


def layer_of(folders: tuple[Folder, ...]) -> Layer:
    """Lay the layers of a pack on each other, and see that each tells its rules as they act.

    Raises:
        Refused: `pack`, where the base is not the one that the pack names, or an element of an
            action says something else than its rule.
    """
    under, *rest = (one.layer for one in folders)
    whole = laid(under, rest[0]) if rest else under
    refuse_any(fault for one in folders for fault in _misleading(one.layer, whole))
    return whole


def digest_of(folders: tuple[Folder, ...]) -> str:
    """Return the digest of a pack: its folder's, or one over its base's and its own."""
    if len(folders) == 1:
        return folders[0].digest
    return hashlib.sha256("\n".join(one.digest for one in folders).encode()).hexdigest()


def _misleading(layer: Layer, whole: Layer) -> Iterator[Problem]:
    """Name the members of actions that a reader of FHIR would read another rule from."""
    for name, given in layer.actions.items():
        told = action(layer.rules[name], whole.canonicals)
        yield from (
            Problem(Code.PACK, f"action[{name}]", member)
            for member, one in given.items()
            if told.get(member) != one
        )


def _shipped() -> Traversable:
    return files("service.content").joinpath("packs", SHIPPED)


def _opened(root: Path | Traversable) -> Folder:
    sums = _read(root, SUMS)
    wanted = dict(_named(line) for line in sums.decode().splitlines())
    held = {name: _read(root, name) for name in wanted}
    refuse_any(
        Problem(Code.PACK, name, "digest differs")
        for name, data in held.items()
        if hashlib.sha256(data).hexdigest() != wanted[name]
    )
    unnamed = sorted({one.name for one in root.iterdir()} - wanted.keys() - {SUMS, SIGNATURE})
    refuse_any(Problem(Code.PACK, name, "not named in SHA256SUMS") for name in unnamed)
    examples = held.pop(EXAMPLES, b"")
    resources = {name: data for name, data in held.items() if name.endswith(".json")}
    return Folder(root, read_layer(resources), examples, hashlib.sha256(sums).hexdigest())


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
