"""A finding as a DetectedIssue (PROTOCOL §10, ex 05)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from fhir_mappings.model.finding import Action, Evidence, Finding, Screening
from fhir_mappings.model.json import Json, Tree
from fhir_mappings.model.moment import instant
from fhir_mappings.model.referral import Case
from fhir_mappings.model.review import Review
from fhir_mappings.render.checked import checked
from fhir_mappings.render.lifted_by import for_scheduler, lifted_by
from fhir_mappings.terms import systems

_SEVERITY: Final = {Action.BLOCK: "high", Action.REVIEW: "moderate", Action.INFO: "low"}


def finding_rid(referral: UUID, finding: Finding) -> str:
    """Return the id of a finding's DetectedIssue: equal as long as rule and evidence are.

    Made from the referral and `Finding.key`, so that a screening repeated finds its own
    resources again (docs/decisions/0002).
    """
    return str(uuid5(referral, finding.key))


def detected_issue(
    case: Case, screening: Screening, finding: Finding, *, at: datetime, reviews: Iterable[Review]
) -> Tree:
    """Return the DetectedIssue of a finding that stands, with each decision on it.

    It does not pass the gate here: an intake makes five of them, and the gate would cost a fifth
    of its time (docs/decisions/0016). Tests pass every kind of finding through it.
    """
    tree: Tree = {
        "resourceType": "DetectedIssue",
        "identifier": [{"system": systems.SID_FINDING, "value": finding_rid(case.id, finding)}],
        "status": "final",
        "code": {
            "coding": [{"system": systems.FINDING, "code": finding.rule}],
            "text": finding.title,
        },
        "severity": _SEVERITY[finding.action],
        "patient": {"reference": f"Patient/{case.patient_rid}"},
        "identifiedDateTime": instant(at),
        "author": {"display": screening.judged_by},
        "implicated": _implicated(case, finding),
        "detail": for_scheduler(finding),
    }
    if finding.lifts:
        tree["extension"] = lifted_by(finding.lifts)
    if evidence := [_evidence(one) for one in finding.evidence]:
        tree["evidence"] = evidence
    if mitigation := [_mitigation(one) for one in reviews]:
        tree["mitigation"] = mitigation
    return tree


def gone(standing: Tree) -> Tree:
    """Return a DetectedIssue whose finding no longer fires: cancelled, all else as it was."""
    kept = {name: value for name, value in standing.items() if name not in ("id", "meta")}
    return checked({**kept, "status": "cancelled"})


def _implicated(case: Case, finding: Finding) -> list[Json]:
    order = f"ServiceRequest/{case.order_rid}"
    named = dict.fromkeys([order, *(one.reference for one in finding.evidence if one.reference)])
    return [{"reference": one} for one in named]


def _evidence(one: Evidence) -> Json:
    words = ", ".join(part for part in (one.value, one.date) if part)
    tree: Tree = {
        "extension": [{"url": systems.EXT_EVIDENCE_PATH, "valueString": one.path}],
        "code": [{"text": words or "missing"}],
    }
    if one.reference:
        version = f"/_history/{one.version}" if one.version else ""
        tree["detail"] = [{"reference": f"{one.reference}{version}"}]
    return tree


def _mitigation(one: Review) -> Json:
    action: Tree = {"text": one.mitigation or one.reason or one.verdict.value}
    if one.mitigation_code:
        action["coding"] = [{"system": systems.MITIGATION, "code": one.mitigation_code}]
    return {
        "action": action,
        "date": instant(one.at),
        "author": {"reference": f"Practitioner/{one.practitioner}"},
    }
