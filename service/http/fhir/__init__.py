"""The FHIR R4 door below `/fhir`."""

from typing import Final

from service.http.fhir import history, instances, operations, search, transaction

ROUTES: Final = (
    *instances.ROUTES,
    *search.ROUTES,
    *history.ROUTES,
    *operations.ROUTES,
    *transaction.ROUTES,
)
