"""Answers to proposals: an AppointmentResponse, or an Appointment's new status."""

from http import HTTPStatus
from uuid import UUID

from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Answer as Said
from fhir_mappings.model.proposal import Answered
from fhir_mappings.parse import appointment_change, appointment_response
from fhir_mappings.parse.appointment_change import Change, To
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.flows.answer_proposal import AnswerProposal, answer_proposal
from service.flows.cancel_booking import CancelBooking, cancel_booking
from service.http.exchange import Ask
from service.http.fhir.conditional import expected
from service.http.fhir.kept import Kept, of_stored
from service.http.fhir.referrals import needed
from service.reads.instance import Stored, instance


async def respond(deps: Deps, ask: Ask, entry: Entry) -> list[Kept]:
    """Take an AppointmentResponse; an equal one again is answered with the first."""
    answered = appointment_response.answered(entry.tree, ask.base)
    command = AnswerProposal(answered=answered, response=entry)
    done = await answer_proposal(deps, ask.caller, command)
    if done.response is None:
        raise Refused(Problem(Code.STAGE))
    status = HTTPStatus.OK if done.repeated else HTTPStatus.CREATED
    return [of_stored(status, done.response)]


async def put(deps: Deps, ask: Ask, entry: Entry) -> list[Kept]:
    """Take a PUT of an Appointment: booked or cancelled."""
    identity = Identity(rtype="Appointment", rid=entry.rid)
    standing = await instance(deps, ask.caller, identity)
    needed(standing, entry)
    change = appointment_change.put(standing.tree, entry.tree)
    return [await _changed(deps, ask, standing, change)]


async def patch(deps: Deps, ask: Ask, rid: str) -> Kept:
    """Take a JSON Patch of an Appointment: booked or cancelled."""
    identity = Identity(rtype="Appointment", rid=rid)
    standing = await instance(deps, ask.caller, identity)
    version = expected(ask)
    if version is not None and version != standing.version:
        raise Refused(Problem(Code.STALE))
    change = appointment_change.patch(standing.tree, ask.operations)
    return await _changed(deps, ask, standing, change)


async def _changed(deps: Deps, ask: Ask, standing: Stored, change: Change | None) -> Kept:
    if change is None:
        return of_stored(HTTPStatus.OK, standing)
    if change.to is To.CANCELLED:
        command = CancelBooking(
            appointment=_uuid(standing.identity.rid),
            reason=change.reason or change.comment,
            version=standing.version,
        )
        cancelled = await cancel_booking(deps, ask.caller, command)
        return of_stored(HTTPStatus.OK, cancelled.appointment)
    answered = Answered(
        appointment=standing.identity.rid,
        actor="",
        answer=Said.ACCEPTED,
        start=None,
        end=None,
        comment=change.comment,
    )
    await answer_proposal(deps, ask.caller, AnswerProposal(answered=answered))
    return of_stored(HTTPStatus.OK, await instance(deps, ask.caller, standing.identity))


def _uuid(rid: str) -> UUID:
    try:
        return UUID(rid)
    except ValueError:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment")) from None
