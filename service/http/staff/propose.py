"""`Task/{id}/$tpi-propose`: offer windows, or book one agreed by phone (PROTOCOL §2.3)."""

from http import HTTPStatus
from typing import Final

from fhir_mappings.parse.proposing import wanted
from fhir_mappings.parse.resource import judge
from fhir_mappings.problems import refuse_any
from fhir_mappings.render.proposed import Shown, proposed
from service.deps import Deps
from service.flows.propose import Propose
from service.flows.propose import propose as carried_out
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir.conditional import expected, named_placer
from service.reads.referral_of import of_task


async def propose(deps: Deps, ask: Ask) -> Answer:
    """Offer windows and answer with the Appointments, and why others were not offered."""
    refuse_any(judge(ask.tree, deps.shape, expect_type="Parameters"))
    said = wanted(ask.tree, base=ask.base)
    referral = await of_task(deps, ask.caller, ask.part("rid"), placer=named_placer(ask))
    command = Propose(
        referral=referral,
        windows=said.windows,
        policy=said.policy,
        first=said.first,
        last=said.last,
        expires=said.expires,
        said_by=said.said_by,
        version=expected(ask),
    )
    done = await carried_out(deps, ask.caller, command)
    shown = [
        Shown(full_url=f"{ask.base}/{one.identity}", text=one.text) for one in done.appointments
    ]
    return Answer(status=HTTPStatus.OK, body=proposed(shown, done.not_offered))


ROUTES: Final = (Route("POST", f"{BASE_PATH}/Task/{{rid}}/$tpi-propose", propose),)
