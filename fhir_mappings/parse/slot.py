"""A Slot that a person posts or changes → the window meant (PROTOCOL §6 "Slots")."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from fhir_mappings.model.json import Tree, text
from fhir_mappings.model.window import Opening, SlotStatus, Span, WantedSlot
from fhir_mappings.problems import Code, Problem, refuse_any

_OPENINGS: Final[Mapping[str, Opening]] = MappingProxyType(
    {SlotStatus.FREE.value: Opening.OPEN, SlotStatus.CLOSED.value: Opening.CLOSED}
)


def wanted(tree: Tree, *, base: str) -> WantedSlot:
    """Read a Slot; `base` is our public base, for absolute references.

    Only free and busy-unavailable are a person's to say: the others follow from bookings.

    Raises:
        Refused: `field-not-yours` for another status; `bad-window` where it ends before it starts;
            `reference-not-found` where `schedule` is no Schedule.
    """
    refuse_any(_faults(tree, base))
    return WantedSlot(
        schedule=_schedule(tree, base).partition("/")[2],
        span=Span(start=_instant(tree, "start"), end=_instant(tree, "end")),
        opening=_OPENINGS[text(tree, "status")],
    )


def _faults(tree: Tree, base: str) -> Iterator[Problem]:
    if not _schedule(tree, base).startswith("Schedule/"):
        yield Problem(Code.REFERENCE_NOT_FOUND, "Slot.schedule")
    if text(tree, "status") not in _OPENINGS:
        yield Problem(Code.FIELD_NOT_YOURS, "Slot.status", ", ".join(_OPENINGS))
    if _instant(tree, "end") <= _instant(tree, "start"):
        yield Problem(Code.BAD_WINDOW, "Slot.end")


def _schedule(tree: Tree, base: str) -> str:
    return text(tree, "schedule", "reference").removeprefix(f"{base}/")


def _instant(tree: Tree, name: str) -> datetime:
    return datetime.fromisoformat(text(tree, name)).astimezone(UTC)
