"""What staff do with one Appointment: `$tpi-rebook` (PROTOCOL §2.3)."""

from typing import Final
from uuid import UUID

from fhir_mappings.parse.proposing import moved
from fhir_mappings.parse.resource import judge
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from service.deps import Deps
from service.flows.rebook import Rebook
from service.flows.rebook import rebook as carried_out
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir.conditional import expected
from service.http.fhir.represent import shown


async def rebook(deps: Deps, ask: Ask) -> Answer:
    """Move a booking and answer with the new Appointment."""
    refuse_any(judge(ask.tree, deps.shape, expect_type="Parameters"))
    said = moved(ask.tree, base=ask.base)
    command = Rebook(
        appointment=_uuid(ask.part("rid")),
        window=said.window,
        reason=said.reason,
        version=expected(ask),
    )
    done = await carried_out(deps, ask.caller, command)
    return shown(ask, done.appointment)


def _uuid(rid: str) -> UUID:
    try:
        return UUID(rid)
    except ValueError:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment")) from None


ROUTES: Final = (Route("POST", f"{BASE_PATH}/Appointment/{{rid}}/$tpi-rebook", rebook),)
