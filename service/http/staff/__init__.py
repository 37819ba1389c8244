"""The staff door: how people of the clinic act (PROTOCOL §2.3).

Each module here has a tuple `ROUTES`; it is named here and nowhere else.
"""

from service.http.exchange import Route
from service.http.staff import appointment, arrival, propose, review, settle

ROUTES: tuple[Route, ...] = (
    *review.ROUTES,
    *propose.ROUTES,
    *appointment.ROUTES,
    *arrival.ROUTES,
    *settle.ROUTES,
)
