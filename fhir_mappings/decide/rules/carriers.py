"""Other places where the fact that an input looks for may stand.

Source: rules.md of the content pack, Codes and text ("Other places of the same fact").
"""

from collections.abc import Iterator

from fhir_mappings.decide.rules.dates import latest, within
from fhir_mappings.decide.rules.found import Match
from fhir_mappings.decide.rules.looking import ORDER, counts_for
from fhir_mappings.decide.rules.scene import Hit, Place, Places, Scene
from fhir_mappings.decide.rules.status import PAST, own_state
from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import FactKind, Reading, State
from fhir_mappings.model.rule import Input


def carried(scene: Scene, wanted: Input) -> Iterator[Match]:
    """Yield the matches at carriers; text there does at most what free text may."""
    if wanted.carriers is None or wanted.older_than_days is not None:
        return
    for place in _places(scene, wanted.carriers):
        if place.names.isdisjoint(wanted.value_sets):
            continue
        if wanted.free_text or not place.free_text:
            yield from _at(scene, wanted, place)


def may_carry(scene: Scene, wanted: Input) -> bool:
    """Say whether a carrier of the input's fact may name one of its sets."""
    if wanted.carriers is None:
        return False
    held = _places(scene, wanted.carriers)
    return any(not one.names.isdisjoint(wanted.value_sets) for one in held)


def _places(scene: Scene, fact: FactKind) -> tuple[Place, ...]:
    """Return everything said at carriers of a fact; worked out once for a screening.

    Whoever asks again must know how long the answer holds: the states of the entries are of a day.
    """
    known = scene.places.get(fact)
    if known is None:
        known = scene.places[fact] = _worked_out(scene, fact)
    scene.uses |= known.uses
    scene.day.hold_to(known.holds)
    return known.said


def _worked_out(scene: Scene, fact: FactKind) -> Places:
    holds, uses = scene.day.forget(), scene.uses
    scene.uses = set()
    said = tuple(one for one in _stands(scene, fact) if _counts_now(scene, one))
    places = Places(said=said, uses=frozenset(scene.uses), holds=scene.day.holds)
    scene.uses = uses
    scene.day.hold_to(holds)
    return places


def _counts_now(scene: Scene, place: Place) -> bool:
    return not place.states or own_state(scene, place.entry, Action.INFO) in place.states


def _stands(scene: Scene, fact: FactKind) -> tuple[Place, ...]:
    """Return what is said at carriers of a fact on any day."""
    known = scene.stands.get(fact)
    if known is None:
        known = scene.stands[fact] = tuple(_found(scene, fact))
    return known


def _found(scene: Scene, fact: FactKind) -> Iterator[Place]:
    for row in scene.content.carriers.rows:
        for rtype in row.resource_types if fact in row.facts else ():
            for entry in scene.of_type(rtype):
                for said in scene.said(entry, row.element):
                    names = scene.names(said)
                    if names:
                        yield Place(
                            entry=entry,
                            said=said,
                            names=names,
                            free_text=row.free_text,
                            states=row.states,
                        )


def _at(scene: Scene, wanted: Input, place: Place) -> Iterator[Match]:
    entry = place.entry
    inside = entry.rtype == ORDER or within(scene, latest(scene, entry), wanted.within_days)
    for hit in _hits(scene, wanted, place):
        if _counts(scene, wanted, hit, inside=inside):
            yield _match(scene, place, hit)


def _hits(scene: Scene, wanted: Input, place: Place) -> Iterator[Hit]:
    """Look for codes and words, in free text for words only."""
    of_allergy = wanted.carriers is FactKind.ALLERGY
    counts = scene.content.hints.allergy_carriers if of_allergy else counts_for(scene, wanted)
    coded = None if place.free_text else scene.code_hit(place.said, wanted.value_sets)
    if coded and coded.reading in counts:
        yield coded
    elif wanted.text or place.free_text:
        yield from scene.text_hits(place.said, wanted.value_sets, counts, allergy=False)


def _counts(scene: Scene, wanted: Input, hit: Hit, *, inside: bool) -> bool:
    """What was counts only under a filter that says so, then whatever its date."""
    form = scene.content.status_filters[wanted.status]
    if hit.reading in PAST:
        return form.free_text_past
    return State.CURRENT in form.keeps and inside


def _match(scene: Scene, place: Place, hit: Hit) -> Match:
    spoken = hit.how == "text" or hit.reading is not Reading.POSITIVE
    entry = place.entry
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
