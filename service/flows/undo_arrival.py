"""An arrival or a no-show was a mistake of the same day: the Appointment is booked again."""

from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.proposal import ProposalState
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import acts, days, proposals, referrals, visits
from service.store.transaction import retried, transaction


class UndoArrival(msgspec.Struct, frozen=True, kw_only=True):
    """What was a mistake, by the Appointment, and its version where one is named."""

    appointment: UUID
    version: int | None = None


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """Where the referral stands after it."""

    placer: UUID
    appointment: UUID
    stage: Stage


@retried
async def undo_arrival(deps: Deps, caller: Caller, command: UndoArrival) -> Undone:
    """Take an arrival or a no-show back within the clinic's day; a repeat changes nothing.

    Raises:
        Refused: `role`, `not-found`, `stale`; `stage` where there is nothing to take back or the
            day is over; `window-taken`, `patient-booked` where the time that a no-show gave back is
            somebody else's by now.
    """
    allow(caller, Verb.UNDO)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        found = await proposals.find(conn, caller.tenant, command.appointment)
        case = await referrals.lock(conn, caller.tenant, referral=found.referral)
        appointment = await proposals.find(conn, caller.tenant, found.id)
        if appointment.state is ProposalState.ACCEPTED:
            return Undone(placer=case.placer_id, appointment=found.id, stage=case.stage)
        if appointment.state not in {ProposalState.ARRIVED, ProposalState.NO_SHOW}:
            raise Refused(Problem(Code.STAGE, context=appointment.state.value))
        since = await visits.shown_at(conn, case, appointment)
        if days.clinic_day(since, caller.zone) != days.clinic_day(now, caller.zone):
            raise Refused(Problem(Code.STAGE, context=appointment.state.value))
        await proposals.expect(conn, case, appointment, version=command.version)
        stage = advance(case.stage, Event.UNDO, Standing(booked=True))
        await visits.take_time_again(conn, case, appointment)
        await proposals.turn(conn, case, appointment, ProposalState.ACCEPTED, at=now)
        case = await referrals.move(conn, case, stage, at=now)
        await acts.leave(
            conn,
            caller,
            case,
            Verb.UNDO,
            targets=[f"Appointment/{appointment.id}"],
            at=now,
            new_id=deps.new_id,
        )
    deps.wake()
    return Undone(placer=case.placer_id, appointment=appointment.id, stage=case.stage)
