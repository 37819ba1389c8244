"""The answer of `$tpi-precheck` (PROTOCOL §2.2, ex 15)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from fhir_mappings.model.finding import Action, Evidence, Finding, FindingKind, Outcome, Screening
from fhir_mappings.model.json import Json, Tree
from fhir_mappings.model.lift import Datum
from fhir_mappings.render.checked import checked
from fhir_mappings.render.lifted_by import for_referrer, lifted_by
from fhir_mappings.render.notices import UNREAD, where
from fhir_mappings.render.outcome import Issue, outcome
from fhir_mappings.terms import systems

_SEVERITY: Final = {Action.BLOCK: "high", Action.REVIEW: "moderate", Action.INFO: "low"}


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What was screened, one screening for each order of the Bundle.

    `known_as` leads from a reference as it is here to how the sender names the resource, `places`
    to its entry in the Bundle; `unread` is where it names what stands neither in it nor here.
    """

    screenings: Sequence[Screening]
    known_as: Mapping[str, str]
    places: Mapping[str, int]
    unread: Sequence[str]


def precheck(tried: Tried) -> Tree:
    """Return the Parameters: outcome, pack, findings, and what could not be read or checked."""
    first = tried.screenings[0]
    worst = max((one.outcome for one in tried.screenings), key=list(Outcome).index)
    findings = [_as_sent(one, tried.known_as) for one in _findings(tried.screenings)]
    parameters: list[Json] = [
        {"name": "outcome", "valueCode": worst.value},
        {"name": "pack", "valueString": f"{first.pack} {first.pack_version}"},
    ]
    parameters.extend(
        {"name": "finding", "resource": _detected(one, tried.known_as)} for one in findings
    )
    if issues := list(_issues(findings, tried)):
        parameters.append({"name": "issue", "resource": outcome(issues)})
    return checked({"resourceType": "Parameters", "parameter": parameters})


def _findings(screenings: Sequence[Screening]) -> Iterator[Finding]:
    """Yield each finding once, the strongest first; two orders may share one."""
    every = {one.key: one for screening in screenings for one in screening.findings}
    yield from sorted(every.values(), key=lambda one: -one.action.weight)


def _as_sent(finding: Finding, known_as: Mapping[str, str]) -> Finding:
    """Name the resources that lack a datum as the sender does."""
    lifts = tuple(
        replace(one, reference=known_as.get(one.reference, one.reference))
        if isinstance(one, Datum)
        else one
        for one in finding.lifts
    )
    return replace(finding, lifts=lifts)


def _detected(finding: Finding, known_as: Mapping[str, str]) -> Tree:
    """Return a DetectedIssue that stands nowhere: preliminary, without an id."""
    tree: Tree = {
        "resourceType": "DetectedIssue",
        "status": "preliminary",
        "code": {
            "coding": [{"system": systems.FINDING, "code": finding.rule}],
            "text": finding.title,
        },
        "severity": _SEVERITY[finding.action],
        "detail": for_referrer(finding) or finding.scheduler,
    }
    if finding.lifts:
        tree["extension"] = lifted_by(finding.lifts)
    if named := dict.fromkeys(one.reference for one in finding.evidence if one.reference):
        tree["implicated"] = [{"reference": known_as.get(one, one)} for one in named]
    if finding.evidence:
        tree["evidence"] = [_evidence(one, known_as) for one in finding.evidence]
    return tree


def _evidence(one: Evidence, known_as: Mapping[str, str]) -> Json:
    words = ", ".join(part for part in (one.value, one.date) if part)
    tree: Tree = {
        "extension": [{"url": systems.EXT_EVIDENCE_PATH, "valueString": one.path}],
        "code": [{"text": words or "missing"}],
    }
    if one.reference:
        here = f"{one.reference}/_history/{one.version}"
        tree["detail"] = [{"reference": known_as.get(one.reference, here)}]
    return tree


def _issues(findings: Sequence[Finding], tried: Tried) -> Iterator[Issue]:
    """Yield what the screening could not read, and what the Bundle names that is nowhere."""
    for one in findings:
        if one.kind is FindingKind.DATA:
            words = f"{one.rule}: {one.referrer or one.title}"
            yield _not_checked(words, where(one, tried.places))
    for place in tried.unread:
        yield _not_checked(UNREAD, place)


def _not_checked(words: str, place: str) -> Issue:
    return Issue(
        severity="warning",
        issue="incomplete",
        system=systems.NOTICE,
        code="not-checked",
        text=words,
        expression=place,
    )
