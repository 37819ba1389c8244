"""HAPI's R4 validator as the judge of what we emit, and how its words are counted."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fhir_mappings.model.json import Tree, encode, items, members
from service.loop.look import said
from tests.interop.jvm import Program

ERRORS: Final = frozenset({"error", "fatal"})
_UNKNOWN_SYSTEM: Final = re.compile(r"CodeSystem is unknown and can't be validated: (\S+)")
_VALUE_SET: Final = re.compile(r"http://[\w.]+/(?:fhir/)?ValueSet/[\w-]+")


@dataclass(frozen=True)
class Message:
    """One thing that the validator says about one resource."""

    severity: str
    at: str
    id: str
    text: str

    @property
    def kind(self) -> str:
        """What sort of thing: the code system not held, or the message's id and its value set."""
        system = _UNKNOWN_SYSTEM.search(self.text)
        if system:
            return f"does not hold {system.group(1)}"
        bound = _VALUE_SET.search(self.text)
        return " ".join([self.id.rsplit("/", 1)[-1], *([bound.group()] if bound else [])])


@dataclass
class Judgement:
    """What was said about many resources."""

    judged: int
    errors: list[str]
    warnings: Counter[str]


class Judge:
    """The running validator: a tree in, its messages out."""

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._written = 0

    def messages(self, tree: Tree) -> list[Message]:
        self._written += 1
        file = self._folder / f"{self._written}.json"
        file.write_bytes(encode(tree))
        self._program.tell(str(file))
        return [
            Message(
                severity=said(one, "severity"),
                at=said(one, "at"),
                id=said(one, "id"),
                text=said(one, "text"),
            )
            for one in map(members, items(self._program.hear()))
        ]

    def errors(self, tree: Tree) -> list[str]:
        return [f"{one.at}: {one.text}" for one in self.messages(tree) if one.severity in ERRORS]

    def judge(self, trees: Iterable[tuple[str, Tree]]) -> Judgement:
        """Judge each of (where it was seen, tree)."""
        whole = Judgement(judged=0, errors=[], warnings=Counter())
        for where, tree in trees:
            whole.judged += 1
            for one in self.messages(tree):
                if one.severity in ERRORS:
                    whole.errors.append(f"{where} {one.at}: {one.text}")
                elif one.severity == "warning":
                    whole.warnings[one.kind] += 1
        return whole
