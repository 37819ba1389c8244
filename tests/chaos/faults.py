"""What can be wrong with a promise, and small looks into rows and resources."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tests.chaos.sides import Clinic, Tree

VISIT: Final = "https://tpi-intake.example/fhir/sid/visit"


class Verdict(StrEnum):
    """What can be wrong with a promise."""

    LOST = "acknowledged and lost"
    DOUBLED = "doubled"
    WRONG = "wrong"
    UNASKED = "uncertain, and no person asked"
    UNKNOWN = "sent, and never known"


@dataclass(frozen=True, order=True)
class Fault:
    """One broken promise."""

    verdict: Verdict
    what: str


def waits(clinic: Clinic, referral: object, kind: str) -> bool:
    return any(
        (one["referral"], one["kind"], one["state"]) == (referral, kind, "needs-person")
        for one in clinic.jobs
    )


def differing(sent: Tree, found: Tree) -> list[str]:
    """Name what a clinician recorded and another would now read otherwise."""
    told = {name: at(found, *path) for name, path in _MUST_KEEP.items()}
    wanted = {name: at(sent, *path) for name, path in _MUST_KEEP.items()}
    return [name for name, value in wanted.items() if _plain(value) != _plain(told[name])]


_MUST_KEEP: Final[dict[str, tuple[str | int, ...]]] = {
    "status": ("status",),
    "code": ("code", "coding", 0, "code"),
    "start": ("performedPeriod", "start"),
    "end": ("performedPeriod", "end"),
    "site": ("bodySite", 0, "coding", 0, "code"),
    "outcome": ("outcome", "text"),
    "follow-up": ("followUp", 0, "text"),
    "used": ("usedCode", 0, "coding", 0, "code"),
    "agent": ("contained", 0, "code", "coding", 0, "code"),
    "lot": ("contained", 0, "batch", "lotNumber"),
    "dose": ("dosage", "dose", "value"),
    "unit": ("dosage", "dose", "code"),
    "route": ("dosage", "route", "coding", 0, "code"),
    "given from": ("effectivePeriod", "start"),
}


def _plain(value: object) -> object:
    """Compare moments as moments and numbers as numbers."""
    if isinstance(value, str) and "T" in value:
        return datetime.fromisoformat(value)
    return str(value) if isinstance(value, bool) else value


def of_visit(trees: Any, visit: str) -> list[Tree]:  # noqa: ANN401 - any rows of trees
    """Return what is a visit's: by its identifier, or by its name in words where that was lost."""
    return [
        one
        for one in trees
        if visit_value(one) == visit
        or any(visit in note.get("text", "") for note in one.get("note", ()))
    ]


def visit_value(tree: Tree) -> str:
    values = [one["value"] for one in tree.get("identifier", ()) if VISIT in one.get("system", "")]
    return str(values[0]).partition(".")[0] if values else ""


def values(tree: Tree) -> set[str]:
    return {one.get("value", "") for one in tree.get("identifier", ())}


def target(reference: Any) -> str:  # noqa: ANN401 - whatever stands there
    return str(at(reference, "reference") or "").rpartition("/")[2]


def at(tree: Any, *path: str | int) -> Any:  # noqa: ANN401 - whatever stands there
    for step in path:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree
