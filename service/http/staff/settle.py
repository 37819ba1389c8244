"""`Task/{id}/$tpi-settle`: a person's word on a delivery that waits for one (PROTOCOL §2.3)."""

from http import HTTPStatus
from typing import Final

from fhir_mappings.decide.access import may
from fhir_mappings.model.caller import Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.parse.resource import judge
from fhir_mappings.parse.settling import settling
from fhir_mappings.problems import refuse_any
from service.deps import Deps
from service.flows.settle_delivery import SettleDelivery, settle_delivery
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir.conditional import expected, named_placer
from service.http.fhir.represent import shown
from service.reads.instance import instance
from service.reads.referral_of import of_task


async def settle(deps: Deps, ask: Ask) -> Answer:
    """Settle the delivery and answer with the Task; an operator gets no body back."""
    refuse_any(judge(ask.tree, deps.shape, expect_type="Parameters"))
    said = settling(ask.tree)
    referral = await of_task(deps, ask.caller, ask.part("rid"), placer=named_placer(ask))
    command = SettleDelivery(referral=referral, settling=said, version=expected(ask))
    case = await settle_delivery(deps, ask.caller, command)
    task = Identity(rtype="Task", rid=case.task_rid)
    if not may(ask.caller, Verb.READ):
        return Answer(status=HTTPStatus.NO_CONTENT)
    return shown(ask, await instance(deps, ask.caller, task, placer=case.placer_id))


ROUTES: Final = (Route("POST", f"{BASE_PATH}/Task/{{rid}}/$tpi-settle", settle),)
