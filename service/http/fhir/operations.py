"""`ServiceRequest/$tpi-precheck`: a screening without trace (PROTOCOL §2.2)."""

from http import HTTPStatus
from typing import Final

from fhir_mappings.parse.prechecking import question
from fhir_mappings.render.precheck import Tried
from fhir_mappings.render.precheck import precheck as rendered
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Ask, Route, answer
from service.http.fhir.conditional import named_placer
from service.reads.precheck import precheck as screened


async def precheck(deps: Deps, ask: Ask) -> Answer:
    """Answer what the screening would say if this were sent."""
    asked = question(ask.tree, ask.query, deps.shape)
    found = await screened(deps, ask.caller, asked, placer=named_placer(ask))
    tried = Tried(
        screenings=found.screenings,
        known_as=found.known_as,
        places=found.places,
        unread=found.unread,
    )
    return answer(HTTPStatus.OK, rendered(tried))


ROUTES: Final = (Route("POST", f"{BASE_PATH}/ServiceRequest/$tpi-precheck", precheck),)
"""The operations on a type, by its name."""
