"""Words outside a concept: notes, instructions, answers, displays of references, narrative."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

from fhir_mappings.model.fact import Said
from fhir_mappings.model.json import items, members, text
from fhir_mappings.parse.concepts import words
from fhir_mappings.parse.facts.source import Source, numbered, reached, sections

_BLOCK: Final = re.compile(r"<(?:/p|/div|/li|/tr|/h[1-6]|br ?/?)[^<>]*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]*>")
_SPACE: Final = re.compile(r"[^\S\n]+")
_ADDED: Final = frozenset({"additional", "extensions"})


def notes(source: Source) -> tuple[Said, ...]:
    """Read the annotations of a resource."""
    held = numbered(f"{source.root}.note", source.tree.get("note"))
    return tuple(_spoken(path, text(one, "text")) for path, one in held if text(one, "text"))


def notes_and_instruction(source: Source) -> tuple[Said, ...]:
    """Read the annotations, and what an order says to the patient."""
    told = text(source.tree, "patientInstruction")
    spoken = (_spoken(f"{source.root}.patientInstruction", told),) if told else ()
    return notes(source) + spoken


def reason_texts(source: Source) -> tuple[Said, ...]:
    """Read only the texts of the reasons."""
    held = numbered(f"{source.root}.reasonCode", source.tree.get("reasonCode"))
    return tuple(_spoken(f"{path}.text", told) for path, one in held for told in words(one))


def strings(source: Source, element: str) -> tuple[Said, ...]:
    """Read the plain strings at a dotted path."""
    held = reached(source, element)
    return tuple(_spoken(path, one) for path, one in held if isinstance(one, str) and one.strip())


def displays(source: Source, element: str) -> tuple[Said, ...]:
    """Read the displays of the references at a dotted path."""
    held = reached(source, element)
    return tuple(
        _spoken(f"{path}.display", told) for path, one in held if (told := text(one, "display"))
    )


def narratives(source: Source) -> tuple[Said, ...]:
    """Read the narrative of a document's sections that says more than their entries do."""
    return tuple(_narratives(source))


def _narratives(source: Source) -> Iterator[Said]:
    for where, section in sections(source):
        narrative = members(section.get("text"))
        told = _plain(text(narrative, "div"))
        alone = not items(section.get("entry"))
        if told and (alone or text(narrative, "status") in _ADDED):
            yield _spoken(f"{where}.text", told)


def _plain(div: str) -> str:
    """Return the words of XHTML; a block's end is a line's end, so that it ends a sentence."""
    lines = unescape(_TAG.sub(" ", _BLOCK.sub("\n", div))).splitlines()
    return "\n".join(line for one in lines if (line := _SPACE.sub(" ", one).strip()))


def _spoken(path: str, told: str) -> Said:
    return Said(path=path, place=path, texts=(told.strip(),))
