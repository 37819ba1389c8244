"""The FHIR R4 door below `/fhir`."""

from typing import Final

from service.http.fhir import history, instances, search, transaction

ROUTES: Final = (*instances.ROUTES, *search.ROUTES, *history.ROUTES, *transaction.ROUTES)
