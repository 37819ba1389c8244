"""Where inputs look: what an entry says, by code and by words, before state and dates are asked."""

from collections.abc import Iterable, Iterator
from typing import Final

from fhir_mappings.decide.rules.scene import Hit, Scene
from fhir_mappings.model.fact import Entry
from fhir_mappings.model.member import Reading
from fhir_mappings.model.rule import Input

ALLERGY: Final = "AllergyIntolerance"
ORDER: Final = "ServiceRequest"
OBSERVATION: Final = "Observation"


def counts_for(scene: Scene, wanted: Input) -> frozenset[Reading]:
    """Return the readings that count for an input."""
    return wanted.hints if wanted.hints is not None else scene.content.hints.counts


def hits(scene: Scene, wanted: Input, rtype: str) -> tuple[tuple[Entry, Hit], ...]:
    """Return the hits in the entries of a type, in the input's own element.

    They are the same on every day and for every input that looks alike, and are looked for once.
    """
    key = (rtype, wanted.element, wanted.value_sets, wanted.hints, wanted.text)
    known = scene.hits.get(key)
    if known is None:
        found = (
            (entry, hit) for entry in scene.of_type(rtype) for hit in _of(scene, wanted, entry)
        )
        known = scene.hits[key] = tuple(found)
    return known


def _of(scene: Scene, wanted: Input, entry: Entry) -> Iterator[Hit]:
    """Yield of each part of the element its code, then its words."""
    sets = wanted.value_sets
    counts = counts_for(scene, wanted)
    for said in scene.said(entry, wanted.element):
        if scene.names(said).isdisjoint(sets):
            continue
        coded = scene.code_hit(said, sets)
        if coded:
            yield coded
        if wanted.text:
            yield from scene.text_hits(said, sets, counts, allergy=entry.rtype == ALLERGY)


def observed(scene: Scene, sets: Iterable[str], *, words: bool) -> Iterator[tuple[Entry, Hit]]:
    """Yield the Observations of these sets, by code or, where wanted, by words."""
    wanted = frozenset(sets)
    counts = scene.content.hints.counts
    for entry in scene.of_type(OBSERVATION):
        for said in scene.said(entry, "code"):
            coded = scene.code_hit(said, wanted)
            spoken = scene.text_hits(said, wanted, counts, allergy=False) if words else iter(())
            found = coded or next(spoken, None)
            if found:
                yield entry, found
