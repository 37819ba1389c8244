"""Where an entry stands: in use, in its wash-out, past, or not told.

Source: rules.md of the content pack, Status filters and states, Time.
"""

from collections.abc import Iterable
from datetime import date

from fhir_mappings.decide.rules.scene import Hit, Scene
from fhir_mappings.decide.rules.washout import groups_of
from fhir_mappings.model.content import EntryState, Washout
from fhir_mappings.model.fact import Entry, Use
from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import Reading, State
from fhir_mappings.model.rule import Input, Lifelong
from fhir_mappings.model.when import later

PAST: frozenset[Reading] = frozenset({Reading.PAST, Reading.STOPPED})
"""Readings that speak of what was."""


def state_of(scene: Scene, entry: Entry, wanted: Input, action: Action, hit: Hit | None) -> State:
    """Return the state of an entry for one match, past words of its text heeded."""
    row = scene.plan.states.get(entry.rtype)
    if row is None:
        return State.CURRENT
    groups = groups_of(scene, wanted, hit) if hit and entry.use else ()
    state = _told(scene, entry, row, action, groups, washed=wanted.washout is not None)
    if wanted.lifelong and state is State.ENDED and _for_life(scene, entry, wanted.lifelong, hit):
        state = State.CURRENT
    past = hit is not None and hit.reading in PAST
    return row.past_words if past and state is State.CURRENT else state


def own_state(scene: Scene, entry: Entry, action: Action) -> State:
    """Return the state of an entry as such, whatever it says."""
    row = scene.plan.states.get(entry.rtype)
    return _told(scene, entry, row, action, (), washed=False) if row else State.CURRENT


def _told(
    scene: Scene,
    entry: Entry,
    row: EntryState,
    action: Action,
    groups: tuple[Washout, ...],
    *,
    washed: bool,
) -> State:
    status = entry.marks.get(row.element, frozenset[str]())
    if entry.use is not None:
        scene.uses.add(entry.key)
        finished = row.ends(status)
        return _use_state(scene, entry.use, row, groups, finished=finished, washed=washed)
    if row.ends(status) or _abated(scene, entry, row, told=bool(status)):
        return State.ENDED
    missing = row.missing_status
    if missing is None or not status.isdisjoint(row.current) or action not in missing.actions:
        return State.CURRENT
    recent = any(not scene.day.after(later(days.last, missing.within_days)) for days in entry.noted)
    return State.CURRENT if recent else missing.state


def _abated(scene: Scene, entry: Entry, row: EntryState, *, told: bool) -> bool:
    """Say whether an abatement ended it: on a day that has come, or undated without a status."""
    if row.ended_by != "abatement":
        return False
    if entry.abated is not None:
        return scene.day.after(later(entry.abated.last, -1))
    return entry.abated_undated and not told


def _for_life(scene: Scene, entry: Entry, lifelong: Lifelong, hit: Hit | None) -> bool:
    """Say whether what was matched does not end, unless its clinical status says so."""
    status = entry.marks.get("clinicalStatus", frozenset[str]())
    if hit is None or not status.isdisjoint(lifelong.ended_by):
        return False
    wanted = frozenset(lifelong.value_sets)
    if scene.code_hit(hit.said, wanted):
        return True
    counted = frozenset(Reading)
    return any(scene.text_hits(hit.said, wanted, counted, allergy=False))


def _use_state(
    scene: Scene,
    use: Use,
    row: EntryState,
    groups: tuple[Washout, ...],
    *,
    finished: bool,
    washed: bool,
) -> State:
    if finished and use.handed_over and _supplied(scene, use, row):
        return State.CURRENT
    end = last_use(scene, use, groups, finished=finished)
    if not finished and (end is None or not scene.day.after(end)):
        return State.CURRENT
    if not washed:
        return State.ENDED
    days = max((one.days for one in groups), default=0)
    over = end is not None and scene.planned.after(later(end, days))
    return State.ENDED if over else State.IN_WASHOUT


def _supplied(scene: Scene, use: Use, row: EntryState) -> bool:
    """Say whether what was handed over may still last; an undated dispense may."""
    lasting = use.supply_days if use.supply_days is not None else row.dispense_days
    if lasting is None:
        return False
    return use.start is None or not scene.day.after(later(use.start.days.last, lasting))


def last_use(scene: Scene, use: Use, groups: Iterable[Washout], *, finished: bool) -> date | None:
    """Return the last possible day of use, None where it cannot be told or is still to come.

    A finished prescription or dispense without an end lasted at most its supply, and not less
    than the drug group's; while that may still last, the end is not known.
    """
    if use.end is not None:
        return use.end.days.last
    if not finished:
        return None
    if use.end_if_finished is not None:
        return use.end_if_finished.days.last
    if not use.prescribed or use.start is None:
        return None
    lasting = max([use.supply_days or 0, *(one.supply_days for one in groups)])
    end = later(use.start.days.last, lasting)
    return end if scene.day.after(end) else None
