"""Parameters of `$tpi-review` → one decision (PROTOCOL §2.3, ex 16)."""

from datetime import date

import msgspec

from fhir_mappings.model.json import Tree
from fhir_mappings.model.review import Verdict
from fhir_mappings.parse.parameters import Parameters, missing
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.terms import systems

_FORM = {
    "finding": "valueReference",
    "decision": "valueCode",
    "reason": "valueCodeableConcept",
    "mitigation": "valueCodeableConcept",
    "until": "valueDate",
}
ON_FINDINGS = frozenset({Verdict.APPROVE, Verdict.OVERRIDE})


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: on findings (ids of DetectedIssues and the versions read), or the referral.

    `versions` has 0 where a finding was named without its version.
    """

    verdict: Verdict
    findings: tuple[str, ...]
    versions: tuple[int, ...]
    reason: str
    reason_code: str
    mitigation: str
    mitigation_code: str
    until: date | None


def decided(tree: Tree, *, base: str) -> Decided:
    """Read the parameters; `base` is our public base, for absolute references.

    Raises:
        Refused: `parameters-form` by name.
    """
    given = Parameters(tree, _FORM)
    verdict = _verdict(given.text("decision"))
    named = [_finding(one, base) for one in given.references("finding")]
    if bool(named) != (verdict in ON_FINDINGS):
        raise missing("finding")
    system = systems.DECLINE_REASON if verdict is Verdict.DECLINE else systems.OVERRIDE_REASON
    return Decided(
        verdict=verdict,
        findings=tuple(rid for rid, _ in named),
        versions=tuple(version for _, version in named),
        reason=given.text("reason"),
        reason_code=given.code("reason", system),
        mitigation=given.text("mitigation"),
        mitigation_code=given.code("mitigation", systems.MITIGATION),
        until=given.day("until"),
    )


def _verdict(code: str) -> Verdict:
    try:
        return Verdict(code)
    except ValueError:
        raise missing("decision") from None


def _finding(reference: str, base: str) -> tuple[str, int]:
    relative = reference.removeprefix(f"{base}/")
    bare, _, version = relative.partition("/_history/")
    rtype, _, rid = bare.partition("/")
    if rtype != "DetectedIssue" or not rid:
        where = "Parameters.parameter.where(name='finding')"
        raise Refused(Problem(Code.PARAMETERS_FORM, where, "DetectedIssue"))
    return rid, int(version) if version.isascii() and version.isdigit() else 0
