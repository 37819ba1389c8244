"""Does a recorded visit fit its referral, its Appointment and the day it happened?

Source: PROTOCOL §2.3 (Visit).
"""

from collections.abc import Iterator
from datetime import date, datetime

from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event
from fhir_mappings.model.visit import Visit, VisitState
from fhir_mappings.problems import Code, Problem

PERFORMED = frozenset({VisitState.PERFORMED, VisitState.PARTLY})
"""States in which a needle was set: only these are gated by the findings of the day."""


def misfits(
    visit: Visit, case: Case, *, booked_at: datetime, now: datetime, day: date
) -> Iterator[Problem]:
    """Yield what does not fit, all at once.

    Args:
        visit: What was recorded.
        case: The referral that the Appointment belongs to.
        booked_at: When the Appointment was booked: patients come early, but not before that.
        now: The moment of recording; a visit is never in the future.
        day: The clinic's day on which it happened, for the lots.
    """
    at = visit.places[0]
    if visit.order_rid != case.order_rid:
        yield Problem(Code.VISIT_FORM, f"{at}.basedOn")
    if visit.patient_rid != case.patient_rid:
        yield Problem(Code.VISIT_FORM, f"{at}.subject")
    if visit.start is not None and visit.start < booked_at:
        yield Problem(Code.BAD_DATE, f"{at}.performed.start")
    if visit.end is not None and visit.end > now:
        yield Problem(Code.BAD_DATE, f"{at}.performed.end")
    for place, lot in zip(visit.places[1:], visit.lots, strict=True):
        if lot.last_day is not None and lot.last_day < day:
            yield Problem(Code.EXPIRED_LOT, f"{place}.medication")


def event(visit: Visit) -> Event:
    """Say what a visit is to its referral."""
    if visit.state in PERFORMED:
        return Event.PERFORM
    return Event.TRY_AGAIN if visit.state is VisitState.TRY_AGAIN else Event.NOT_PERFORM


def fulfils(visit: Visit, appointment: Proposal) -> ProposalState:
    """Say what becomes of the Appointment: nobody came and nothing was done is no fulfilment."""
    came = appointment.state is ProposalState.ARRIVED or visit.state in PERFORMED
    return ProposalState.FULFILLED if came else ProposalState.CANCELLED
