"""The door for EHRs that ask while somebody orders: CDS Hooks 2.0 below `/cds-services`."""

from typing import Final

from service.http.cds import discovery, feedback, services

ROUTES: Final = (*discovery.ROUTES, *services.ROUTES, *feedback.ROUTES)
