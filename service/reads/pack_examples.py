"""Does a pack say of its examples what they say it must? No database is asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.finding import FindingKind
from fhir_mappings.model.pack import Pack
from fhir_mappings.parse import facts
from fhir_mappings.parse.pack import read_pack
from fhir_mappings.parse.pack_examples import (
    FILE,
    Base,
    Example,
    Examples,
    chart_of,
    read_examples,
)
from fhir_mappings.problems import Code, Problem, Refused
from service.content.load import digest_of, layer_of, open_folders

_SHOWN: Final = {
    FindingKind.CLINICAL: ("fires", "does not fire", "undecidable"),
    FindingKind.DATA: ("fires", "does not fire"),
}
"""What a pack should show of each rule; one of kind data is itself about the undecidable."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One example, and what the pack said of it: rules with their actions, and the outcome."""

    example: Example
    findings: dict[str, str]
    outcome: str

    @property
    def right(self) -> bool:
        """Tell whether the pack said exactly what the example says."""
        wanted = (self.example.findings, self.example.outcome.value)
        return (self.findings, self.outcome) == wanted


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """All examples of a pack, and the rules of which they do not show all that they should."""

    tried: tuple[Tried, ...]
    lacking: dict[str, tuple[str, ...]]

    @property
    def wrong(self) -> tuple[Tried, ...]:
        """Return the examples of which the pack says something else."""
        return tuple(one for one in self.tried if not one.right)


def try_examples(directory: Path | None, *, base: Path | None = None) -> Trial:
    """Screen a pack's examples, those of its base first.

    An example of the pack's own takes the place of one of the same name.

    Raises:
        Refused: `pack`, where the pack cannot be carried out or its examples cannot be read.
    """
    folders = open_folders(directory, base=base)
    pack = read_pack(layer_of(folders), digest=digest_of(folders))
    held = [read_examples(one.examples) for one in folders if one.examples]
    tried = tuple(_tried(pack, held))
    shown = {(one.example.rule, one.example.shows) for one in tried}
    lacking = {
        rule.id: tuple(one for one in _SHOWN[rule.kind] if (rule.id, one) not in shown)
        for rule in pack.content.rules
    }
    return Trial(tried=tried, lacking={rule: one for rule, one in lacking.items() if one})


def _tried(pack: Pack, held: list[Examples]) -> Iterator[Tried]:
    under = next((one.base for one in held if one.base is not None), None)
    if under is None and held:
        raise Refused(Problem(Code.PACK, FILE, "base"))
    named = {one.name: (one, examples.base or under) for examples in held for one in examples.cases}
    for example, base in named.values():
        if base is not None:
            yield _screened(pack, base, example)


def _screened(pack: Pack, base: Base, example: Example) -> Tried:
    said = screen(
        facts.read(chart_of(base, example), pack),
        pack,
        day=example.day or base.day,
        planned=example.planned or base.planned,
        variant=(base.variant if example.variant is None else example.variant) or None,
    )
    return Tried(
        example=example,
        findings={one.rule: one.action.value for one in said.findings},
        outcome=said.outcome.value,
    )
