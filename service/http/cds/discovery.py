"""`GET /cds-services`: which services there are, and what they would like to be sent."""

from http import HTTPStatus
from typing import Final

from fhir_mappings.decide.scope import observed
from fhir_mappings.render.cds_services import discovery as rendered
from service.deps import Deps
from service.http.exchange import Answer, Ask, Route, answer

PATH: Final = "/cds-services"
JSON: Final = {"content-type": "application/json"}


async def discovery(deps: Deps, _: Ask) -> Answer:
    """Answer the services; the observations to prefetch are those of the content pack."""
    return answer(HTTPStatus.OK, rendered(observed(deps.pack)), JSON)


ROUTES: Final = (Route("GET", PATH, discovery, signed=True),)
