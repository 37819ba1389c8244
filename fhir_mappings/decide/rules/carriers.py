"""Other places where the fact that an input looks for may stand.

Source: rules.md of the content pack, Codes and text ("Other places of the same fact").
"""

from collections.abc import Iterator

from fhir_mappings.decide.rules.dates import latest, within
from fhir_mappings.decide.rules.found import Match
from fhir_mappings.decide.rules.looking import ORDER, counts_for
from fhir_mappings.decide.rules.scene import Hit, Scene
from fhir_mappings.decide.rules.status import PAST, own_state
from fhir_mappings.model.content import CarrierRow
from fhir_mappings.model.fact import Entry, Said
from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import FactKind, Reading, State
from fhir_mappings.model.rule import Input


def carried(scene: Scene, wanted: Input) -> Iterator[Match]:
    """Yield the matches at carriers; text there does at most what free text may."""
    if wanted.carriers is None or wanted.older_than_days is not None:
        return
    for row in scene.content.carriers.rows:
        if wanted.carriers in row.facts and (wanted.free_text or not row.free_text):
            for rtype in row.resource_types:
                for entry in scene.of_type(rtype):
                    yield from _at(scene, wanted, row, entry)


def _at(scene: Scene, wanted: Input, row: CarrierRow, entry: Entry) -> Iterator[Match]:
    if row.states is not None and own_state(scene, entry, Action.INFO) not in row.states:
        return
    inside = entry.rtype == ORDER or within(scene, latest(scene, entry), wanted.within_days)
    for said in scene.said(entry, row.element):
        for hit in _hits(scene, wanted, row, said):
            if _counts(scene, wanted, hit, inside=inside):
                yield _match(scene, entry, hit)


def _hits(scene: Scene, wanted: Input, row: CarrierRow, said: Said) -> Iterator[Hit]:
    """Look for codes and words, in free text for words only."""
    sets = frozenset(wanted.value_sets)
    of_allergy = wanted.carriers is FactKind.ALLERGY
    counts = scene.content.hints.allergy_carriers if of_allergy else counts_for(scene, wanted)
    coded = None if row.free_text else scene.code_hit(said, sets)
    if coded and coded.reading in counts:
        yield coded
    elif wanted.text or row.free_text:
        yield from scene.text_hits(said, sets, counts, allergy=False)


def _counts(scene: Scene, wanted: Input, hit: Hit, *, inside: bool) -> bool:
    """What was counts only under a filter that says so, then whatever its date."""
    form = scene.content.status_filters[wanted.status]
    if hit.reading in PAST:
        return form.free_text_past
    return State.CURRENT in form.keeps and inside


def _match(scene: Scene, entry: Entry, hit: Hit) -> Match:
    spoken = hit.how == "text" or hit.reading is not Reading.POSITIVE
    return Match(
        entry=entry,
        path=hit.said.path,
        place=hit.said.place,
        how=hit.how,
        shown=hit.shown,
        date=entry.dated.words if entry.dated else "",
        hit=hit,
        at_carrier=True,
        most=scene.content.free_text.max_action if spoken else None,
    )
