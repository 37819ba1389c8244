"""The staff door: how people of the clinic act (PROTOCOL §2.3).

Each module here has a tuple `ROUTES`; it is named here and nowhere else.
"""

from service.http.exchange import Route
from service.http.staff import appointment, propose, review

ROUTES: tuple[Route, ...] = (*review.ROUTES, *propose.ROUTES, *appointment.ROUTES)
