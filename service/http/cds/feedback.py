"""`POST /cds-services/{id}/feedback`: what became of our cards."""

from functools import partial
from http import HTTPStatus
from typing import Final

from fhir_mappings.model.hooks import Hook
from fhir_mappings.model.json import Tree
from fhir_mappings.parse.cds_feedback import feedback as read
from fhir_mappings.render.outcome import notice, outcome
from service.deps import Deps
from service.flows.take_feedback import TakeFeedback, take_feedback
from service.http.cds.discovery import JSON, PATH
from service.http.exchange import Answer, Ask, Route, answer

_UNKNOWN: Final = "This service showed you no such card, or it is forgotten: nothing was kept."


async def feedback(hook: Hook, deps: Deps, ask: Ask) -> Answer:
    """Keep the reactions; those to cards that we do not know are named and do no harm."""
    command = TakeFeedback(service=hook.service, feedback=read(ask.tree))
    unknown = await take_feedback(deps, ask.caller, command)
    said: Tree = {}
    if unknown:
        said = outcome(
            notice("card", _UNKNOWN, expression=f"feedback[{place}].card") for place in unknown
        )
    return answer(HTTPStatus.OK, said, JSON)


ROUTES: Final = tuple(
    Route("POST", f"{PATH}/{hook.service}/feedback", partial(feedback, hook), signed=True)
    for hook in Hook
)
