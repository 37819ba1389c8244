"""What a screening says, as CDS Hooks cards (PROTOCOL §8).

A card for each finding that gates, one for the rest, one for what was not checked: so that a
clinician who waves one through has read it, and so that feedback tells of rules.
Source: CDS Hooks 2.0, Card Attributes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from fhir_mappings.model.finding import Action, Evidence, Finding, Screening
from fhir_mappings.model.hooks import Advice, Given, Moved
from fhir_mappings.model.json import Tree
from fhir_mappings.render.lifted_by import without_us
from fhir_mappings.render.markdown import escaped
from fhir_mappings.terms import systems
from fhir_mappings.terms.override_reasons import DISPLAY
from fhir_mappings.terms.workflow import BY_STAGE

SUMMARY_MOST: Final = 139
_EVIDENCE_MOST: Final = 5
_INDICATOR: Final = {Action.BLOCK: "critical", Action.REVIEW: "warning", Action.INFO: "info"}
_KEYS: Final[Mapping[str, str]] = {
    "patient": "the patient's own record",
    "conditions": "conditions",
    "medications": "prescriptions",
    "statements": "medicines taken",
    "allergies": "allergies",
    "observations": "laboratory values and vital signs",
}
_GAPS: Final[Mapping[Given, str]] = {
    Given.ABSENT: "not given",
    Given.FAILED: "could not be read",
    Given.PART: "only in part: there is more",
}
_LABEL: Final = "tpi-intake"
_ABOUT: Final = "Trigger point treatment"
_NOT_CHECKED: Final = "not-checked"
_STAGE: Final = "stage"


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One card without its uuid, and the rules or notices that speak in it."""

    about: tuple[str, ...]
    tree: Tree


def cards(advice: Advice, sources: Mapping[str, str]) -> tuple[Card, ...]:
    """Return the cards of one answer, the most urgent first; none where nothing is ours.

    `sources` leads from the key of a source to its citation (the content pack's).
    """
    found = [card for one in advice.judged for card in _screened(one.screening, sources)]
    lines = list(_unchecked(advice))
    if advice.judged and lines:
        found.append(_not_checked(lines, advice.judged[0].screening.judged_by))
    found += [_moved(one) for one in advice.moved]
    order = ["info", "warning", "critical"]
    found.sort(key=lambda one: order.index(str(one.tree["indicator"])), reverse=True)
    return tuple(found)


def _screened(screening: Screening, sources: Mapping[str, str]) -> Iterator[Card]:
    for one in screening.findings:
        if one.action is not Action.INFO:
            yield _gating(one, screening.judged_by, sources)
    notes = [one for one in screening.findings if one.action is Action.INFO]
    if notes:
        yield _informing(notes, screening.judged_by)


def _gating(finding: Finding, label: str, sources: Mapping[str, str]) -> Card:
    lines = [escaped(finding.referrer or finding.title), ""]
    seen = list(dict.fromkeys(map(_seen, finding.evidence)))  # sent to us before, and again now
    lines += seen[:_EVIDENCE_MOST]
    if more := len(seen[_EVIDENCE_MOST:]):
        lines.append(f"- Seen: {more} more")
    lines += [f"- To clear it: {escaped(one)}" for one in without_us(finding)]
    if finding.rationale:
        lines.append(f"- Why: {escaped(finding.rationale)}")
    lines += [f"- Source: {escaped(sources.get(one, one))}" for one in finding.sources]
    tree = _card(
        f"{_ABOUT}: {finding.title}",
        _INDICATOR[finding.action],
        lines,
        source=_source(label, systems.FINDING, finding.rule, finding.title),
    )
    tree["overrideReasons"] = [
        {"system": systems.OVERRIDE_REASON, "code": code, "display": display}
        for code, display in DISPLAY.items()
    ]
    return Card(about=(finding.rule,), tree=tree)


def _informing(notes: Sequence[Finding], label: str) -> Card:
    lines = [f"- {escaped(one.title)}: {escaped(one.referrer)}" for one in notes]
    number = f"{len(notes)} notes" if len(notes) > 1 else "1 note"
    summary = f"{_ABOUT}: {number}, for information"
    return Card(
        about=tuple(one.rule for one in notes),
        tree=_card(summary, "info", lines, source=_source(label)),
    )


def _not_checked(lines: Sequence[str], label: str) -> Card:
    summary = f"{_ABOUT}: not all could be checked"
    source = _source(label, systems.NOTICE, _NOT_CHECKED, "Not checked")
    return Card(about=(_NOT_CHECKED,), tree=_card(summary, "warning", lines, source=source))


def _unchecked(advice: Advice) -> Iterator[str]:
    """Yield what was not read, a line each; data that an EHR says it has none of are not here."""
    for key, given in advice.gaps.items():
        yield f"- {_KEYS[key]}: {_GAPS[given]}"
    if not advice.here:
        yield "- what the clinic holds of this patient: not read in time"
    if advice.invalid:
        number = f"{advice.invalid} resources" if advice.invalid > 1 else "1 resource"
        yield f"- {number}: no valid FHIR R4, and may be misread"
    if advice.unjudged:
        number = f"{advice.unjudged} further orders" if advice.unjudged > 1 else "1 further order"
        yield f"- {number}: not screened in time"


def _moved(moved: Moved) -> Card:
    display = BY_STAGE[moved.stage].display
    lines = [f"Since {moved.since.date().isoformat()}. The coordination Task has the details."]
    summary = f"{_ABOUT}: a referral has moved, now: {display}"
    return Card(about=(_STAGE,), tree=_card(summary, "info", lines, source=_source(_LABEL)))


def _card(summary: str, indicator: str, lines: Sequence[str], *, source: Tree) -> Tree:
    return {
        "summary": _short(summary),
        "indicator": indicator,
        "detail": "\n".join(lines),
        "source": source,
    }


def _source(label: str, system: str = "", code: str = "", display: str = "") -> Tree:
    tree: Tree = {"label": label}
    if code:
        tree["topic"] = {"system": system, "code": code, "display": display}
    return tree


def _short(summary: str) -> str:
    said = " ".join(summary.split())
    return said if len(said) <= SUMMARY_MOST else f"{said[: SUMMARY_MOST - 1]}…"


def _seen(one: Evidence) -> str:
    words = escaped(", ".join(part for part in (one.value, one.date) if part) or "missing")
    rtype = one.path.partition(".")[0]
    return f"- Seen: {words} ({escaped(rtype)})" if rtype else f"- Seen: {words}"
