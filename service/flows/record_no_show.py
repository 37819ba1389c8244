"""A patient did not come: the Appointment says so, and the rest of its time is free again."""

from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.proposal import ProposalState
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import acts, proposals, referrals, visits
from service.store.transaction import retried, transaction


class RecordNoShow(msgspec.Struct, frozen=True, kw_only=True):
    """Whom we waited for, by the Appointment.

    `at` is when we gave up, now where it is not said; `version` the Appointment's where the caller
    names one.
    """

    appointment: UUID
    at: datetime | None = None
    version: int | None = None


class NoShow(msgspec.Struct, frozen=True, kw_only=True):
    """Where the referral stands after it."""

    placer: UUID
    appointment: UUID
    stage: Stage


@retried
async def record_no_show(deps: Deps, caller: Caller, command: RecordNoShow) -> NoShow:
    """Record that the patient did not come; a repeat changes nothing.

    Raises:
        Refused: `role`, `not-found`, `stale`; `stage` where the Appointment is not booked;
            `bad-date` before its start, or for a moment to come.
    """
    allow(caller, Verb.NO_SHOW)
    now = deps.now()
    at = command.at or now
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        found = await proposals.find(conn, caller.tenant, command.appointment)
        case = await referrals.lock(conn, caller.tenant, referral=found.referral)
        appointment = await proposals.find(conn, caller.tenant, found.id)
        if appointment.state is ProposalState.NO_SHOW:
            return NoShow(placer=case.placer_id, appointment=found.id, stage=case.stage)
        if appointment.state is not ProposalState.ACCEPTED:
            raise Refused(Problem(Code.STAGE, context=appointment.state.value))
        if not appointment.start <= at <= now:
            raise Refused(Problem(Code.BAD_DATE, "Parameters.parameter.value"))
        await proposals.expect(conn, case, appointment, version=command.version)
        stage = advance(case.stage, Event.NO_SHOW, Standing())
        await proposals.turn(conn, case, appointment, ProposalState.NO_SHOW, at=now)
        await visits.give_time_back(conn, case, appointment)
        case = await referrals.move(conn, case, stage, at=now)
        await acts.leave(
            conn,
            caller,
            case,
            Verb.NO_SHOW,
            targets=[f"Appointment/{appointment.id}"],
            at=now,
            new_id=deps.new_id,
        )
    deps.wake()
    return NoShow(placer=case.placer_id, appointment=appointment.id, stage=case.stage)
