r"""Build a pack: rule object, patterns and value sets to FHIR files, one per set and code system.

    python -m service.content.packs.build SOURCE TARGET [--values DIR] [--without SYSTEM ...]

SOURCE holds `rules.json`, `text-patterns.json`, `LICENCES.md` and `NOTICE`; DIR the ValueSets,
SOURCE/valuesets where it is not given. A built pack can be DIR too, so a clinic without a licence
for a code system builds its own pack from ours:

    python -m service.content.packs.build service/content/packs/source mine \
        --values service/content/packs/tpi-core --without http://snomed.info/sct

The same source gives the same bytes.
"""

import argparse
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

BASE: Final = "https://tpi-intake.example/fhir"
NAME: Final = "tpi-core"
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


class _Contains(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    system: str
    code: str
    display: str = ""


class _Expansion(msgspec.Struct, frozen=True, rename="camel"):
    timestamp: str
    contains: tuple[_Contains, ...] = ()


class _ValueSet(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
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
    expansion: _Expansion


def build(source: Path, target: Path, *, values: Path, without: frozenset[str]) -> None:
    """Write the pack's files to a new or empty folder.

    Raises:
        ValueError: the folder holds something, or a file would be larger than 1 MB.
    """
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ValueError(f"{target} is not empty")
    files = dict(_files(source, values, without))
    files[SUMS] = _sums(files)
    for name, data in files.items():
        if len(data) > MOST_BYTES:
            raise ValueError(f"{name} is larger than {MOST_BYTES} bytes")
        target.joinpath(name).write_bytes(data)


def _files(source: Path, values: Path, without: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    rules = _without(source.joinpath("rules.json").read_bytes(), without)
    sets = _sets(values, without, _includes(rules))
    yield "LICENCES.md", source.joinpath("LICENCES.md").read_bytes()
    yield "NOTICE", _notice(source, without)
    texts = source.joinpath("text-patterns.json").read_bytes()
    yield f"Library-{NAME}.json", _library(rules, texts, [one.url for one in sets])
    for one in sets:
        yield f"{one.id}.json", _lines(one)


def _notice(source: Path, without: frozenset[str]) -> bytes:
    left = "".join(f"\nLeft out of this build: {system}" for system in sorted(without))
    return source.joinpath("NOTICE").read_bytes() + (f"{left}\n".encode() if left else b"")


def _without(rules: bytes, systems: frozenset[str]) -> bytes:
    """Say no longer that the sets cover a system whole when its codes are left out.

    Else a code of it would count as known and harmless, and its display would not be read.
    """
    if not systems:
        return rules
    held = msgspec.json.decode(rules, type=dict[str, msgspec.Raw])
    complete = msgspec.json.decode(held["completeSystems"], type=dict[str, str])
    kept = {system: form for system, form in complete.items() if system not in systems}
    return msgspec.json.encode(held | {"completeSystems": msgspec.Raw(msgspec.json.encode(kept))})


class _Rules(msgspec.Struct, frozen=True, rename="camel"):
    content_version: str
    includes: dict[str, tuple[str, ...]]


def _includes(rules: bytes) -> Mapping[str, tuple[str, ...]]:
    return msgspec.json.decode(rules, type=_Rules).includes


def _library(rules: bytes, texts: bytes, sets: Iterable[str]) -> bytes:
    held = (("rules.json", rules), ("text-patterns.json", texts))
    return _encoded(
        {
            "resourceType": "Library",
            "id": NAME,
            "url": f"{BASE}/Library/{NAME}",
            "version": msgspec.json.decode(rules, type=_Rules).content_version,
            "name": "TriggerPointInjectionCore",
            "title": "Screening content for trigger point injections (not clinically reviewed)",
            "status": "draft",
            "experimental": True,
            "type": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/library-type",
                        "code": "asset-collection",
                    }
                ]
            },
            "relatedArtifact": [{"type": "composed-of", "resource": one} for one in sets],
            "content": [
                {"contentType": "application/json", "title": title, "data": _minified(data)}
                for title, data in held
            ],
        }
    )


def _minified(data: bytes) -> bytes:
    """Drop white space; numbers keep their form, members their order."""
    return msgspec.json.format(data, indent=-1)


def _sets(
    values: Path, without: frozenset[str], includes: Mapping[str, tuple[str, ...]]
) -> list[_ValueSet]:
    """Return one ValueSet per set and code system; a union leaves its members' codes to them."""
    by_set = _gathered(values, without)
    found: list[_ValueSet] = []
    for name, (head, held) in sorted(by_set.items()):
        inside = {one for member in includes.get(name, ()) for one in by_set[member][1]}
        own = [one for one in sorted(held) if one not in inside]
        systems = sorted({one.system for one in own}) or [""]
        found += [_part(head, name, system, own) for system in systems]
    return found


def _gathered(values: Path, without: frozenset[str]) -> dict[str, tuple[_ValueSet, set[_Contains]]]:
    """Read every ValueSet of the folder, whole ones and parts alike."""
    found: dict[str, tuple[_ValueSet, set[_Contains]]] = {}
    for path in sorted(values.glob("*.json")):
        data = path.read_bytes()
        if msgspec.json.decode(data, type=_Typed).resource_type != "ValueSet":
            continue
        one = msgspec.json.decode(data, type=_ValueSet)
        _, codes = found.setdefault(one.id.partition(".")[0], (one, set()))
        codes.update(held for held in one.expansion.contains if held.system not in without)
    return found


class _Typed(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str = ""


def _part(head: _ValueSet, name: str, system: str, held: list[_Contains]) -> _ValueSet:
    short = _short(system) if system else "empty"
    contains = tuple(one for one in held if one.system == system)
    return msgspec.structs.replace(
        head,
        id=f"{name}.{short}",
        url=f"{BASE}/ValueSet/{name}.{short}",
        expansion=_Expansion(timestamp=head.expansion.timestamp, contains=contains),
    )


def _short(system: str) -> str:
    plain = "".join(sign if sign.isalnum() else "-" for sign in system)
    return _SHORT.get(system, plain)


def _encoded(tree: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(tree), indent=1) + b"\n"


def _lines(one: _ValueSet) -> bytes:
    """Write one code a line: a change of the content is a change of few lines."""
    head = msgspec.json.encode(msgspec.structs.replace(one, expansion=_Expansion(timestamp="")))
    shell, _, _ = head.partition(b'"expansion":')
    codes = b",\n".join(msgspec.json.encode(held) for held in one.expansion.contains)
    told = msgspec.json.encode(one.expansion.timestamp)
    return shell + b'"expansion":{"timestamp":' + told + b',"contains":[\n' + codes + b"\n]}}\n"


def _sums(files: Mapping[str, bytes]) -> bytes:
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode()


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--values", type=Path)
    parser.add_argument("--without", action="append", default=[], metavar="SYSTEM")
    asked = parser.parse_args()
    values = asked.values or asked.source / "valuesets"
    build(asked.source, asked.target, values=values, without=frozenset(asked.without))


if __name__ == "__main__":
    main()
