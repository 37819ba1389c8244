"""Cancel an Appointment: a booking is given up, or a proposal declined or withdrawn."""

from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.appointment import STATUS
from service.deps import Deps
from service.store import acts, bookings, proposals, referrals, resources
from service.store.pool import Conn
from service.store.resources import Stored
from service.store.transaction import retried, transaction

_BY_PLACER = "the placer"
_CANCELLED = STATUS[ProposalState.CANCELLED]


class CancelBooking(msgspec.Struct, frozen=True, kw_only=True):
    """Which Appointment, why in words, and its version where the caller names one."""

    appointment: UUID
    reason: str = ""
    version: int | None = None


class BookingCancelled(msgspec.Struct, frozen=True, kw_only=True):
    """The referral as it stands now, and the Appointment as stored."""

    case: Case
    appointment: Stored


@retried
async def cancel_booking(deps: Deps, caller: Caller, command: CancelBooking) -> BookingCancelled:
    """Give up a booking, or end one proposal; a cancelled one again changes nothing.

    A proposal that the placer cancels is declined: the policy may propose again. One that the
    clinic's staff cancel is withdrawn: a person decides what is next. A cancelled booking leaves
    the referral cleared, or where it waits for a person.

    Raises:
        Refused: `role`; `not-found`; `stale`; `stage`, `too-late`.
    """
    allow(caller, Verb.CANCEL_BOOKING)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        seen = await proposals.find(conn, caller.tenant, command.appointment)
        case = await referrals.lock(conn, caller.tenant, referral=seen.referral)
        proposal = await proposals.find(conn, caller.tenant, command.appointment)
        await proposals.expect(conn, case, proposal, version=command.version)
        if STATUS[proposal.state] == _CANCELLED:
            return await _answer(conn, case, proposal)
        if proposal.state is ProposalState.OPEN:
            case = await bookings.release(
                conn,
                case,
                [proposal],
                ProposalState.WITHDRAWN if caller.is_staff else ProposalState.DECLINED,
                at=now,
                new_id=deps.new_id,
                by="the clinic" if caller.is_staff else _BY_PLACER,
                reason=command.reason,
            )
        elif proposal.state is ProposalState.ACCEPTED:
            stage = advance(case.stage, Event.UNBOOK, await proposals.standing(conn, case))
            await proposals.turn(
                conn,
                case,
                proposal,
                ProposalState.CANCELLED,
                at=now,
                reason=command.reason,
            )
            case = await referrals.move(conn, case, stage, at=now, planned_date=None)
        else:
            raise Refused(Problem(Code.STAGE, "Appointment.status", proposal.state.value))
        await acts.leave(
            conn,
            caller,
            case,
            Verb.CANCEL_BOOKING,
            targets=[f"Appointment/{proposal.id}"],
            reason=command.reason,
            at=now,
            new_id=deps.new_id,
        )
        answer = await _answer(conn, case, proposal)
    deps.wake()
    return answer


async def _answer(conn: Conn, case: Case, proposal: Proposal) -> BookingCancelled:
    identity = Identity(rtype="Appointment", rid=str(proposal.id))
    stored = await resources.lock(conn, case.tenant, case.placer_id, identity)
    return BookingCancelled(case=case, appointment=stored)
