"""References that carry a fact: what they lead to, the words beside them, or nowhere.

Source: rules.md of the content pack, Elements, and which references carry a fact.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from fhir_mappings.model.fact import Loose, Said
from fhir_mappings.model.json import Json, members, text
from fhir_mappings.parse.facts.source import Source, concept, numbered, reached, sections

_CARRYING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ServiceRequest": ("reasonReference", "supportingInfo"),
        "DeviceUseStatement": ("device",),
        "DiagnosticReport": ("result",),
        "List": ("entry.item",),
    }
)
"""Elements whose references lead to facts, by type; of a Composition the entries of sections."""

_ON_PURPOSE: Final = frozenset({"ServiceRequest"})
"""Types in which words alone are a way to say something; elsewhere they name what is not sent."""

_WITHOUT_FACTS: Final = (
    *("Patient/", "Practitioner/", "PractitionerRole/", "RelatedPerson/", "Organization/"),
    *("Location/", "CareTeam/", "Encounter/", "Coverage/", "Provenance/", "Binary/"),
)


def reasons(source: Source) -> tuple[Said, ...]:
    """Read the code of what the order gives as its reason, and the display beside it."""
    return _led_to(source, "reasonReference", "code")


def device(source: Source) -> tuple[Said, ...]:
    """Read the type of the device that is used, and the display beside it."""
    return _led_to(source, "device", "type")


def _led_to(source: Source, element: str, inner: str) -> tuple[Said, ...]:
    return tuple(
        said for path, held in reached(source, element) for said in _told(source, path, held, inner)
    )


def _told(source: Source, path: str, reference: Json, inner: str) -> tuple[Said, ...]:
    target = text(reference, "reference")
    found = source.follow(target) if target else None
    tree, origin = found or ({}, "")
    display = text(reference, "display").strip()
    spoken = Said(path=path, place=path, texts=(display,) if display else ())
    if inner not in tree:
        return (spoken,) if display else ()
    said = concept(source.naming, path, tree[inner])
    named = display and display not in _names(said)
    own = Said(path=path, place=path, codings=said.codings, texts=said.texts, source=origin)
    return (own, spoken) if named else (own,)


def _names(said: Said) -> set[str]:
    return {*said.texts, *(one.display for one in said.codings)}


def loose(source: Source) -> tuple[Loose, ...]:
    """Return the references to facts that lead nowhere.

    An order's reference of words alone leads nowhere on purpose: its display is read as text.
    """
    alone = source.rtype in _ON_PURPOSE
    return tuple(
        source.loose(element, path, held)
        for element, path, held in _carrying(source)
        if (_meant(held) or not alone)
        and _may_carry(held)
        and source.follow(text(held, "reference")) is None
    )


def _carrying(source: Source) -> Iterator[tuple[str, str, Json]]:
    for element in _CARRYING.get(source.rtype, ()):
        yield from ((element, path, held) for path, held in reached(source, element))
    if source.rtype == "Composition":
        for path, section in sections(source):
            for where, held in numbered(f"{path}.entry", section.get("entry")):
                yield "section.entry", where, held


def _meant(reference: Json) -> bool:
    return bool(text(reference, "reference")) or "identifier" in members(reference)


def _may_carry(reference: Json) -> bool:
    """Say whether what is meant may be a fact: of people and places it is none."""
    target = f"/{text(reference, 'reference')}"
    kind = text(reference, "type")
    return not any(f"/{one}" in target or one == f"{kind}/" for one in _WITHOUT_FACTS)
