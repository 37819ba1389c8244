r"""Build a pack: rule object, patterns and value sets to FHIR files, one per set and code system.

    python -m service.content.packs.build SOURCE TARGET [--values DIR] [--without SYSTEM ...]

SOURCE holds `rules.json`, `text-patterns.json`, `examples.json`, `LICENCES.md` and `NOTICE`; DIR
the ValueSets, SOURCE/valuesets where it is not given. A built pack can be DIR too, so a clinic
without a licence for a code system builds its own pack from ours:

    python -m service.content.packs.build service/content/packs/source mine \
        --values service/content/packs/tpi-core --without http://snomed.info/sct

The same source gives the same bytes.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.pack_head import PackHead
from fhir_mappings.parse.pack_examples import FILE as EXAMPLES
from fhir_mappings.parse.pack_files import tree_of
from fhir_mappings.render.pack_resources import library, plan_definition
from fhir_mappings.terms.packs import TABLES, TEXTS
from fhir_mappings.terms.systems import BASE
from service.content.packs.files import (
    Contains,
    ValueSetFile,
    short,
    told,
    told_set,
    value_sets,
    write,
)

NAME: Final = "tpi-core"
DATE: Final = "2026-11-23"
TITLE: Final = "Screening content for trigger point injections (not clinically reviewed)"
_ELSEWHERE: Final = frozenset({"rules", "includes", "sources", "contentVersion"})
"""Members of the rule object that stand in other resources than the Library."""


def build(source: Path, target: Path, *, values: Path, without: frozenset[str]) -> None:
    """Write the pack's files to a new or empty folder.

    Raises:
        ValueError: the folder holds something, or a file would be larger than 1 MB.
    """
    rules = _without(tree_of(source.joinpath("rules.json").read_bytes(), "rules.json"), without)
    texts = tree_of(source.joinpath(TEXTS).read_bytes(), TEXTS)
    sets = _sets(values, without, _includes(rules))
    beside = {name: source.joinpath(name).read_bytes() for name in ("LICENCES.md", EXAMPLES)}
    write(
        target,
        {
            **beside,
            "NOTICE": _notice(source, without),
            **resources(_named(rules, without), texts, sets),
            **{f"{one.id}.json": told_set(one) for one in sets},
        },
    )


def resources(rules: Tree, texts: Tree, sets: list[ValueSetFile]) -> dict[str, bytes]:
    """Return the files of a whole pack's rule object and texts."""
    head = PackHead(
        name=NAME,
        version=text(rules, "contentVersion"),
        url=BASE,
        title=TITLE,
        language="en",
        date=DATE,
        copyright=sets[0].copyright,
    )
    plan = plan_definition(
        head,
        map(members, items(rules.get("rules"))),
        sources={name: str(one) for name, one in members(rules.get("sources")).items()},
        withdrawn={},
        canonicals={one.id: one.url for one in sets},
    )
    tables = {name: one for name, one in rules.items() if name not in _ELSEWHERE}
    held = {TABLES: tables, TEXTS: texts}
    return {
        f"PlanDefinition-{NAME}.json": told(plan),
        f"Library-{NAME}.json": told(library(head, held, [one.url for one in sets])),
    }


def _notice(source: Path, without: frozenset[str]) -> bytes:
    left = "".join(f"\nLeft out of this build: {system}" for system in sorted(without))
    return source.joinpath("NOTICE").read_bytes() + (f"{left}\n".encode() if left else b"")


def _without(rules: Tree, systems: frozenset[str]) -> Tree:
    """Say no longer that the sets cover a system whole when its codes are left out.

    Else a code of it would count as known and harmless, and its display would not be read.
    """
    complete = members(rules.get("completeSystems"))
    kept: Json = {system: form for system, form in complete.items() if system not in systems}
    return {**rules, "completeSystems": kept}


def _named(rules: Tree, without: frozenset[str]) -> Tree:
    """Let a build that lacks codes have a version of its own: it is other content."""
    left = ".".join(short(system) for system in sorted(without))
    version = text(rules, "contentVersion")
    return {**rules, "contentVersion": f"{version}+without.{left}"} if left else rules


def _includes(rules: Tree) -> dict[str, tuple[str, ...]]:
    return msgspec.convert(rules.get("includes"), dict[str, tuple[str, ...]])


def _sets(
    values: Path, without: frozenset[str], includes: Mapping[str, tuple[str, ...]]
) -> list[ValueSetFile]:
    """Return every set and its parts; a union leaves its members' codes to them."""
    by_set = _gathered(values, without)
    return list(_written(by_set, includes))


def _written(
    by_set: Mapping[str, tuple[ValueSetFile, set[Contains]]],
    includes: Mapping[str, tuple[str, ...]],
) -> Iterator[ValueSetFile]:
    for name, (head, held) in sorted(by_set.items()):
        union = includes.get(name, ())
        inside = {one for member in union for one in by_set[member][1]}
        yield from value_sets(
            msgspec.structs.replace(head, id=name),
            held - inside,
            url=BASE,
            union_of=[f"{BASE}/ValueSet/{one}" for one in union],
        )


def _gathered(
    values: Path, without: frozenset[str]
) -> dict[str, tuple[ValueSetFile, set[Contains]]]:
    """Read every ValueSet of the folder, whole ones and parts alike."""
    found: dict[str, tuple[ValueSetFile, set[Contains]]] = {}
    for path in sorted(values.glob("*.json")):
        data = path.read_bytes()
        if msgspec.json.decode(data, type=_Typed).resource_type != "ValueSet":
            continue
        one = msgspec.json.decode(data, type=ValueSetFile)
        _, codes = found.setdefault(one.id.partition(".")[0], (one, set()))
        codes.update(held for held in one.codes if held.system not in without)
    return found


class _Typed(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str = ""


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
