"""What makes an input match: its own element, its carriers, values, counts; each with its state.

Source: rules.md of the content pack, Input, Members, Order of evaluation (step 4).
"""

from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from fhir_mappings.decide.rules.answers import answer
from fhir_mappings.decide.rules.carriers import carried, may_carry
from fhir_mappings.decide.rules.checks import checked
from fhir_mappings.decide.rules.conditions import holds
from fhir_mappings.decide.rules.dates import in_window, latest, windowed
from fhir_mappings.decide.rules.found import Match, first_element, whole
from fhir_mappings.decide.rules.looking import OBSERVATION, counts_for, hits
from fhir_mappings.decide.rules.people import years
from fhir_mappings.decide.rules.quantities import measured, meets, newest
from fhir_mappings.decide.rules.scene import Hit, Scene
from fhir_mappings.decide.rules.status import state_of
from fhir_mappings.model.fact import Entry
from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import State
from fhir_mappings.model.rule import Input, ValueIs


class Matches(msgspec.Struct, frozen=True, kw_only=True):
    """What an input found, and what it found in a state that is only asked about."""

    kept: tuple[Match, ...] = ()
    asked: tuple[Match, ...] = ()


_NONE = Matches()


def matches(scene: Scene, wanted: Input, action: Action, *, presence: bool = False) -> Matches:
    """Find the matches of an input for a rule of this action.

    With `presence` an Observation matches by being there inside the window, whatever its value.
    """
    if wanted.only_when is not None and not holds(scene, wanted.only_when):
        return _NONE
    if wanted.check is not None:
        return Matches(kept=tuple(checked(scene, wanted)))
    if wanted.value_sets and not _may_match(scene, wanted):
        return _NONE
    special = None if presence else _special(scene, wanted)
    if special is not None:
        return Matches(kept=tuple(special))
    return _counted(wanted, _stated(scene, wanted, action))


def _special(scene: Scene, wanted: Input) -> Iterator[Match] | None:
    """Match by what is asked of the value, or of the patient; None for all other inputs."""
    if "Patient" in wanted.resource_types:
        return years(scene, wanted)
    if wanted.value is not None:
        return _valued(scene, wanted, wanted.value)
    return _meaning(scene, wanted) if wanted.value_means is not None else None


def _may_match(scene: Scene, wanted: Input) -> bool:
    """Sieve out the inputs whose sets nothing on the chart may name: most of them."""
    sets = wanted.value_sets
    if scene.present.isdisjoint(sets):
        return False
    near = any(not scene.names_in(one).isdisjoint(sets) for one in wanted.resource_types)
    return near or may_carry(scene, wanted)


def _stated(scene: Scene, wanted: Input, action: Action) -> Matches:
    """Sort the matches by whether their state is kept or only asked about."""
    kept: list[Match] = []
    asked: list[Match] = []
    for match in _own(scene, wanted, action):
        form = scene.content.status_filters[wanted.status]
        if match.state in form.keeps:
            kept.append(match)
        elif match.state in form.asks_for:
            asked.append(match)
    return Matches(kept=(*_one_each(kept), *carried(scene, wanted)), asked=_one_each(asked))


def _one_each(found: Iterable[Match]) -> tuple[Match, ...]:
    """Where a code speaks at a place, the words beside it add nothing."""
    held = list(found)
    if len(held) <= 1:
        return tuple(held)
    coded = {_spot(one) for one in held if one.how == "code"}
    return tuple(one for one in held if one.how != "text" or _spot(one) not in coded)


def _spot(match: Match) -> tuple[str, str]:
    return (match.entry.key if match.entry else "", match.path)


def _own(scene: Scene, wanted: Input, action: Action) -> Iterator[Match]:
    for rtype in wanted.resource_types:
        if not wanted.value_sets:
            for entry in scene.of_type(rtype):
                yield from _by_presence(scene, wanted, entry, action)
            continue
        for entry, hit in hits(scene, wanted, rtype):
            match = _of_hit(scene, wanted, entry, hit, action)
            if match:
                yield match


def _by_presence(scene: Scene, wanted: Input, entry: Entry, action: Action) -> Iterator[Match]:
    """Match an entry as such: an input without sets looks for every entry of the type."""
    if _of_criticality(wanted, entry) and in_window(scene, wanted, latest(scene, entry)):
        shown = next(
            (text for said in scene.said(entry, wanted.element) for text in said.texts), ""
        )
        state = state_of(scene, entry, wanted, action, None)
        found = whole(entry, f"{entry.root}.{first_element(wanted)}", shown)
        yield msgspec.structs.replace(found, state=state)


def _of_hit(scene: Scene, wanted: Input, entry: Entry, hit: Hit, action: Action) -> Match | None:
    if windowed(wanted) and not in_window(scene, wanted, latest(scene, entry, wanted, hit)):
        return None
    if not _of_criticality(wanted, entry):
        return None
    return _match(entry, hit, state_of(scene, entry, wanted, action, hit))


def _of_criticality(wanted: Input, entry: Entry) -> bool:
    marks = entry.marks.get("criticality", frozenset[str]())
    return wanted.criticality is None or wanted.criticality in marks


def _match(entry: Entry, hit: Hit, state: State = State.CURRENT) -> Match:
    return Match(
        entry=entry,
        path=hit.said.path,
        place=hit.said.place,
        how=hit.how,
        shown=hit.shown,
        date=entry.dated.words if entry.dated else "",
        hit=hit,
        state=state,
    )


def _counted(wanted: Input, found: Matches) -> Matches:
    """Keep the matches only when they lie on so many days; an undated one is a day of its own."""
    if wanted.min_count is None:
        return found
    days: set[date | str] = set()
    for match in (*found.kept, *found.asked):
        if match.entry is not None:
            dated = match.entry.dated
            days.add(dated.days.last if dated else match.entry.key)
    return found if len(days) >= wanted.min_count else _NONE


def _observations(scene: Scene, wanted: Input) -> Iterator[tuple[Entry, Hit]]:
    counts = counts_for(scene, wanted)
    keeps = scene.content.status_filters[wanted.status].keeps
    found = hits(scene, wanted, OBSERVATION) if State.CURRENT in keeps else ()
    return ((entry, hit) for entry, hit in found if hit.reading in counts)


def _valued(scene: Scene, wanted: Input, value: ValueIs) -> Iterator[Match]:
    """Match the newest readable values of the input's sets when one of them passes."""
    found = _observations(scene, wanted)
    for one in newest(measured(scene, found, wanted.within_days)):
        if meets(one, value.comparator, value.quantity):
            match = _match(one.entry, one.hit)
            shown = one.value.shown
            yield msgspec.structs.replace(match, path=one.value.path, shown=shown)


def _meaning(scene: Scene, wanted: Input) -> Iterator[Match]:
    """Match every Observation inside the window that gives the answer."""
    for entry, hit in _observations(scene, wanted):
        day = latest(scene, entry, wanted, hit)
        value = hit.said.value
        told = answer(scene, value, wanted.means_sets)
        if value and told == wanted.value_means and in_window(scene, wanted, day):
            match = _match(entry, hit)
            yield msgspec.structs.replace(match, path=value.path, shown=value.shown)
