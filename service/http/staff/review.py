"""`Task/{id}/$tpi-review`: a reviewer's or clinician's decision (PROTOCOL §2.3, ex 16)."""

from typing import Final
from uuid import UUID

from fhir_mappings.model.json import Identity
from fhir_mappings.model.referral import Case
from fhir_mappings.parse.resource import judge
from fhir_mappings.parse.review_decision import ON_FINDINGS, Decided, decided
from fhir_mappings.problems import refuse_any
from service.deps import Deps
from service.flows.decide_referral import DecideReferral, decide_referral
from service.flows.review_finding import ReviewFinding, review_finding
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir.conditional import expected, named_placer
from service.http.fhir.represent import shown
from service.reads.instance import instance
from service.reads.referral_of import of_task


async def review(deps: Deps, ask: Ask) -> Answer:
    """Take one decision and answer with the Task as it now stands."""
    refuse_any(judge(ask.tree, deps.shape, expect_type="Parameters"))
    said = decided(ask.tree, base=ask.base)
    referral = await of_task(deps, ask.caller, ask.part("rid"), placer=named_placer(ask))
    case = await _carry_out(deps, ask, referral, said)
    task = Identity(rtype="Task", rid=case.task_rid)
    return shown(ask, await instance(deps, ask.caller, task, placer=case.placer_id))


async def _carry_out(deps: Deps, ask: Ask, referral: UUID, said: Decided) -> Case:
    if said.verdict in ON_FINDINGS:
        finding = ReviewFinding(
            referral=referral,
            findings=said.findings,
            versions=said.versions,
            verdict=said.verdict,
            reason=said.reason,
            reason_code=said.reason_code,
            mitigation=said.mitigation,
            mitigation_code=said.mitigation_code,
            version=expected(ask),
        )
        return await review_finding(deps, ask.caller, finding)
    whole = DecideReferral(
        referral=referral,
        verdict=said.verdict,
        reason=said.reason,
        reason_code=said.reason_code,
        until=said.until,
        version=expected(ask),
    )
    return await decide_referral(deps, ask.caller, whole)


ROUTES: Final = (Route("POST", f"{BASE_PATH}/Task/{{rid}}/$tpi-review", review),)
