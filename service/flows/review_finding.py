"""A clinician's decision on findings: approved with what mitigates them, or overridden."""

from dataclasses import dataclass
from uuid import UUID

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.review import lifts
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.finding import Action, Finding
from fhir_mappings.model.json import Identity
from fhir_mappings.model.referral import Case
from fhir_mappings.model.review import Review, Verdict
from fhir_mappings.model.stage import DEAD, DONE
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.detected_issue import finding_rid
from service.deps import Deps
from service.store import acts, judging, referrals, resources, screenings, tasks
from service.store.judging import Bench
from service.store.pool import Conn
from service.store.screenings import Judged
from service.store.transaction import retried, transaction

_LEAST_REASON = 10
"""Characters of an override's reason (SECURITY T39)."""


@dataclass(frozen=True, kw_only=True)
class ReviewFinding:
    """One word on one or more findings of a referral, named by their DetectedIssue.

    `versions` are those that the reviewer read, 0 where it was not told; `version` is the Task's,
    None where it was not told.
    """

    referral: UUID
    findings: tuple[str, ...]
    versions: tuple[int, ...]
    verdict: Verdict
    reason_code: str = ""
    reason: str = ""
    mitigation_code: str = ""
    mitigation: str = ""
    version: int | None = None


@retried
async def review_finding(deps: Deps, caller: Caller, command: ReviewFinding) -> Case:
    """Record the decision and move the referral if nothing is open any more.

    The same word of the same person again changes nothing.

    Raises:
        Refused: `role`; `not-found`; `stale`; `reason-needed`; `override-needed` for approving
            what blocks; `finding-changed` where the finding is no longer the one that was read;
            `too-late`.
    """
    allow(caller, Verb.OVERRIDE if command.verdict is Verdict.OVERRIDE else Verb.APPROVE)
    _reasoned(command)
    now = deps.now()
    bench = Bench(pack=deps.pack, zone=caller.zone, at=now, new_id=deps.new_id)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        judged = await screenings.latest(conn, case)
        new = _new_words(deps, caller, command, case, judged)
        if not new:
            return case
        await tasks.expect(conn, case, version=command.version)
        await _as_read(conn, case, command)
        if case.stage in DEAD | DONE:
            raise Refused(Problem(Code.TOO_LATE, context=case.stage.value))
        for review in new:
            await screenings.add_review(conn, case, review)
        judged = screenings.judged(judged.screening, (*judged.reviews, *new))
        await screenings.keep_issues(conn, case, judged, at=now)
        case = await judging.settle(conn, case, judged, bench)
        await acts.leave(
            conn,
            caller,
            case,
            Verb(command.verdict.value),
            targets=[f"DetectedIssue/{one.finding_rid}" for one in new],
            reason=command.reason,
            judged=judged,
            at=now,
            new_id=deps.new_id,
        )
    deps.wake()
    return case


def _reasoned(command: ReviewFinding) -> None:
    if command.verdict is Verdict.OVERRIDE and len(command.reason.strip()) < _LEAST_REASON:
        raise Refused(Problem(Code.REASON_NEEDED, "Parameters.parameter.where(name='reason')"))


async def _as_read(conn: Conn, case: Case, command: ReviewFinding) -> None:
    """Refuse a word on a finding that is not the version that was read."""
    read = {
        Identity(rtype="DetectedIssue", rid=rid): version
        for rid, version in zip(command.findings, command.versions, strict=True)
        if version
    }
    stand = await resources.find_many(conn, case.tenant, case.placer_id, read)
    for identity, version in read.items():
        if identity not in stand or stand[identity].version != version:
            at = "Parameters.parameter.where(name='finding')"
            raise Refused(Problem(Code.FINDING_CHANGED, at))


def _new_words(
    deps: Deps, caller: Caller, command: ReviewFinding, case: Case, judged: Judged
) -> list[Review]:
    """Return the words that are not said yet, each on a finding as it stands now."""
    standing = {finding_rid(case.id, one): one for one in judged.screening.findings}
    said = {(one.finding_key, one.verdict, one.person) for one in judged.reviews}
    new: list[Review] = []
    for place, rid in enumerate(command.findings):
        at = f"Parameters.parameter.where(name='finding')[{place}]"
        finding = standing.get(rid)
        if finding is None:
            raise Refused(Problem(Code.FINDING_CHANGED, at))
        if not lifts(command.verdict, finding) and finding.action is Action.BLOCK:
            raise Refused(Problem(Code.OVERRIDE_NEEDED, at, finding.rule))
        if (finding.key, command.verdict, caller.person) not in said:
            new.append(_word(deps, caller, command, rid, finding))
    return new


def _word(deps: Deps, caller: Caller, command: ReviewFinding, rid: str, finding: Finding) -> Review:
    if caller.person is None:
        raise Refused(Problem(Code.ROLE))
    return Review(
        id=deps.new_id(),
        finding_key=finding.key,
        finding_rid=rid,
        rule=finding.rule,
        verdict=command.verdict,
        reason_code=command.reason_code,
        reason=command.reason,
        mitigation_code=command.mitigation_code,
        mitigation=command.mitigation,
        until=None,
        practitioner=caller.practitioner,
        person=caller.person,
        at=deps.now(),
    )
