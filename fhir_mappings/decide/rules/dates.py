"""Windows: whether an entry's days may lie inside, counted from the planned day.

Source: rules.md of the content pack, Time; decision 29 (two days matter).
"""

from datetime import date

from fhir_mappings.decide.rules.scene import Hit, Scene
from fhir_mappings.decide.rules.status import last_use
from fhir_mappings.decide.rules.washout import groups_of
from fhir_mappings.model.fact import Entry
from fhir_mappings.model.rule import Input
from fhir_mappings.model.when import later


def latest(
    scene: Scene, entry: Entry, wanted: Input | None = None, hit: Hit | None = None
) -> date | None:
    """Return the latest possible day of an entry, None when it has no date.

    A medication in use, or one whose end cannot be told, has no last day yet: `date.max`.
    """
    if entry.use is None:
        return entry.dated.days.last if entry.dated else None
    scene.uses.add(entry.key)
    row = scene.plan.states.get(entry.rtype)
    status = entry.marks.get(row.element, frozenset[str]()) if row else frozenset[str]()
    finished = row is not None and row.ends(status)
    groups = groups_of(scene, wanted, hit) if wanted and hit else ()
    end = last_use(scene, entry.use, groups, finished=finished)
    if end is None and entry.use.start is None:
        return None
    return end or date.max


def within(scene: Scene, day: date | None, days: int | None) -> bool:
    """Say whether a latest day may lie inside a window; no date is never outside."""
    return days is None or day is None or not scene.planned.after(later(day, days))


def older(scene: Scene, day: date | None, days: int) -> bool:
    """Say whether a latest day certainly lies more than so many days before the planned day."""
    return day is not None and scene.planned.after(later(day, days))


def windowed(wanted: Input) -> bool:
    """Say whether an input asks for a date at all."""
    older_than = wanted.older_than_days is not None
    return wanted.within_days is not None or older_than or wanted.needs_date


def in_window(scene: Scene, wanted: Input, day: date | None) -> bool:
    """Test an input's windows by the latest day of a match."""
    if day is None:
        return not wanted.needs_date and wanted.older_than_days is None
    if wanted.older_than_days is not None and not older(scene, day, wanted.older_than_days):
        return False
    return within(scene, day, wanted.within_days)
