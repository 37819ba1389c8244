"""CodeableConcept and Coding in one normal form, so that codes can be compared as strings.

Source: rules.md of the content pack, Codes and text (aliases, versions, ICD spelling).
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from fhir_mappings.model.fact import Coding
from fhir_mappings.model.json import Json, items, members, text

_MARKS: Final = re.compile(r"[\u2020*+!\s]")
_FILLER: Final = re.compile(r"[-X]+$")
_CATEGORY: Final = 3


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """How systems and codes are made equal: aliases, and the systems spelled like ICD."""

    aliases: Mapping[str, str]
    hierarchical: Collection[str]

    def system(self, system: str) -> str:
        """Return the system without version and trailing slash, under its first name."""
        plain = system.partition("|")[0].strip().rstrip("/")
        return self.aliases.get(plain, plain)

    def code(self, system: str, code: str) -> str:
        """Return the code as sets list it; `system` is already in normal form."""
        plain = code.strip()
        return _icd(plain) if system in self.hierarchical else plain

    def coding(self, tree: Json) -> Coding:
        """Read one Coding."""
        system = self.system(text(tree, "system"))
        return Coding(
            system=system,
            code=self.code(system, text(tree, "code")),
            display=text(tree, "display").strip(),
        )

    def codings(self, concept: Json) -> tuple[Coding, ...]:
        """Read the codings of a CodeableConcept."""
        return tuple(self.coding(one) for one in items(members(concept).get("coding")))


def _icd(code: str) -> str:
    """Write capitals, the dot after the category, no dagger, asterisk, dash or X filler."""
    plain = _FILLER.sub("", _MARKS.sub("", code.upper())).rstrip(".")
    if len(plain) > _CATEGORY and "." not in plain:
        return f"{plain[:_CATEGORY]}.{plain[_CATEGORY:]}"
    return plain


def words(concept: Json) -> tuple[str, ...]:
    """Return the text of a CodeableConcept, if there is one."""
    found = text(concept, "text").strip()
    return (found,) if found else ()


def plain_codes(value: Json) -> frozenset[str]:
    """Return the plain codes of an element: strings, booleans, codes of CodeableConcepts."""
    held = value if isinstance(value, list) else [value]
    return frozenset(code for one in held for code in _plain_codes(one))


def _plain_codes(value: Json) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, str):
        return [value] if value else []
    codings = items(members(value).get("coding"))
    return [code for one in codings if (code := text(one, "code"))]
