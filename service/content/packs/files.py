"""The files of a pack's folder: ValueSets a code a line, the sums that name every byte."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from fhir_mappings.model.json import encode

SUMS: Final = "SHA256SUMS"
MOST_BYTES: Final = 1_000_000

_SHORT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "http://hl7.org/fhir/sid/cvx": "cvx",
        "http://hl7.org/fhir/sid/icd-10": "icd-10",
        "http://hl7.org/fhir/sid/icd-10-cm": "icd-10-cm",
        "http://loinc.org": "loinc",
        "http://snomed.info/sct": "snomed",
        "http://www.ama-assn.org/go/cpt": "cpt",
        "http://www.cms.gov/Medicare/Coding/ICD10": "icd-10-pcs",
        "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
        "http://www.whocc.no/atc": "atc",
        "https://dmd.nhs.uk": "dmd",
    }
)
"""File names of code systems; another system's is its address with every odd sign made a dash."""


class Contains(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    """One code of a set."""

    system: str
    code: str
    display: str = ""


class Expansion(msgspec.Struct, frozen=True, rename="camel"):
    """The codes of a set in one system."""

    timestamp: str = ""
    contains: tuple[Contains, ...] = ()


class Include(msgspec.Struct, frozen=True, rename="camel"):
    """Addresses of ValueSets of which a code must be in every one: here always one."""

    value_set: tuple[str, ...]


class Compose(msgspec.Struct, frozen=True):
    """What a whole set includes."""

    include: tuple[Include, ...] = ()


class ValueSetFile(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A ValueSet as it is written: a whole set with `compose`, a part of it with `expansion`."""

    resource_type: str
    id: str
    url: str
    version: str
    name: str
    title: str
    status: str
    experimental: bool
    date: str
    description: str
    copyright: str
    compose: Compose | None = None
    expansion: Expansion | None = None

    @property
    def codes(self) -> tuple[Contains, ...]:
        """Return the codes listed here."""
        return self.expansion.contains if self.expansion else ()


def value_sets(
    head: ValueSetFile, held: Iterable[Contains], *, url: str, union_of: Iterable[str] = ()
) -> Iterator[ValueSetFile]:
    """Yield a whole set and its part in each code system.

    `head` says what both say, under the set's own name; `url` is the FHIR base of their addresses,
    `union_of` are addresses of other sets that the whole one includes.
    """
    codes = sorted(held)
    systems = sorted({one.system for one in codes})
    parts = [f"{url}/ValueSet/{head.id}.{short(system)}" for system in systems]
    included = tuple(Include((one,)) for one in (*union_of, *parts))
    compose = Compose(included) if included else None
    yield msgspec.structs.replace(
        head, url=f"{url}/ValueSet/{head.id}", compose=compose, expansion=None
    )
    for address, system in zip(parts, systems, strict=True):
        contains = tuple(one for one in codes if one.system == system)
        yield msgspec.structs.replace(
            head,
            id=address.rpartition("/")[2],
            url=address,
            compose=None,
            expansion=Expansion(timestamp=f"{head.date}T00:00:00Z", contains=contains),
        )


def short(system: str) -> str:
    """Return the name of a code system in names of files."""
    plain = "".join(sign if sign.isalnum() else "-" for sign in system)
    return _SHORT.get(system, plain)


def told(tree: object) -> bytes:
    """Return the bytes of a resource's file."""
    return msgspec.json.format(encode(tree), indent=1) + b"\n"


def told_set(one: ValueSetFile) -> bytes:
    """Write one code a line: a change of the content is a change of few lines."""
    if one.expansion is None:
        return told(one)
    head = msgspec.json.encode(msgspec.structs.replace(one, expansion=None))
    codes = b",\n".join(msgspec.json.encode(held) for held in one.codes)
    at = msgspec.json.encode(one.expansion.timestamp)
    return head[:-1] + b',"expansion":{"timestamp":' + at + b',"contains":[\n' + codes + b"\n]}}\n"


def write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a pack's files, and the sums over them, to a new or empty folder.

    Raises:
        ValueError: the folder holds something, or a file would be larger than 1 MB.
    """
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ValueError(f"{target} is not empty")
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    for name, data in {**files, SUMS: "".join(lines).encode()}.items():
        if len(data) > MOST_BYTES:
            raise ValueError(f"{name} is larger than {MOST_BYTES} bytes")
        target.joinpath(name).write_bytes(data)
