"""(findings, decisions) → what is still open: a decision stands while rule and evidence do.

Source: PROTOCOL §3.3; SECURITY P2 (an unanswered block or review never gets a proposal).
"""

from collections.abc import Iterable

from fhir_mappings.model.finding import Action, Finding, Outcome, Screening
from fhir_mappings.model.review import Review, Verdict

_LIFTS = {
    Action.REVIEW: frozenset({Verdict.APPROVE, Verdict.OVERRIDE}),
    Action.BLOCK: frozenset({Verdict.OVERRIDE}),
}


def open_findings(screening: Screening, reviews: Iterable[Review]) -> tuple[Finding, ...]:
    """Return the findings that gate and have no standing decision, worst first."""
    lifted = {(one.finding_key, one.verdict) for one in reviews}
    gating = [
        one
        for one in screening.findings
        if one.action in _LIFTS
        and not any((one.key, verdict) in lifted for verdict in _LIFTS[one.action])
    ]
    return tuple(sorted(gating, key=lambda one: (-one.action.weight, one.rule)))


def outcome_of(findings: Iterable[Finding]) -> Outcome:
    """Return the worst of some findings as an outcome."""
    worst = max((one.action.weight for one in findings), default=0)
    return list(Outcome)[worst]


def lifts(verdict: Verdict, finding: Finding) -> bool:
    """Tell whether this verdict, once it stands, lifts this finding."""
    return verdict in _LIFTS.get(finding.action, frozenset())
