"""A patient has come: the day is screened, and the Appointment says arrived."""

from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance, screened
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.finding import Finding
from fhir_mappings.model.proposal import ProposalState
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import acts, days, proposals, referrals, screenings
from service.store.transaction import retried, transaction


class RecordArrival(msgspec.Struct, frozen=True, kw_only=True):
    """Who came, by the Appointment.

    `at` is when, now where it is not said; `version` the Appointment's where the caller names one.
    """

    appointment: UUID
    at: datetime | None = None
    version: int | None = None


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """Where the referral stands after it; `open` are findings of the day that wait for a word."""

    placer: UUID
    appointment: UUID
    stage: Stage
    open: tuple[Finding, ...] = ()


@retried
async def record_arrival(deps: Deps, caller: Caller, command: RecordArrival) -> Arrived:
    """Record that the patient arrived, and screen for that day (DECISIONS 29).

    An open finding of the day sends the referral to review; the visit waits for it, the
    Appointment stands as arrived all the same. A repeat changes nothing.

    Raises:
        Refused: `role`, `not-found`, `stale`; `stage` where the Appointment is not booked;
            `bad-date` for a moment to come.
    """
    allow(caller, Verb.ARRIVE)
    now = deps.now()
    at = command.at or now
    if at > now:
        raise Refused(Problem(Code.BAD_DATE, "Parameters.parameter.value"))
    day = days.clinic_day(at, caller.zone)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        found = await proposals.find(conn, caller.tenant, command.appointment)
        case = await referrals.lock(conn, caller.tenant, referral=found.referral)
        appointment = await proposals.find(conn, caller.tenant, found.id)
        if appointment.state is ProposalState.ARRIVED:
            judged = await screenings.latest(conn, case)
            return Arrived(
                placer=case.placer_id, appointment=found.id, stage=case.stage, open=judged.open
            )
        if appointment.state is not ProposalState.ACCEPTED:
            raise Refused(Problem(Code.STAGE, context=appointment.state.value))
        await proposals.expect(conn, case, appointment, version=command.version)
        stage = advance(case.stage, Event.ARRIVE, Standing(booked=True))
        judging = await days.of_case(conn, case, deps.pack, today=day)
        judged = await screenings.record(
            conn,
            case,
            await judging.told(day),
            inputs=judging.inputs(day),
            at=now,
            new_id=deps.new_id(),
        )
        await proposals.turn(conn, case, appointment, ProposalState.ARRIVED, at=now)
        standing = judged.standing(Standing(arrived=True))
        stage = advance(stage, screened(judged.outcome), standing)
        case = await referrals.move(
            conn, case, stage, at=now, outcome=judged.screening.outcome, planned_date=day
        )
        await acts.leave(
            conn,
            caller,
            case,
            Verb.ARRIVE,
            targets=[f"Appointment/{appointment.id}"],
            judged=judged,
            at=now,
            new_id=deps.new_id,
        )
    deps.wake()
    return Arrived(
        placer=case.placer_id, appointment=appointment.id, stage=case.stage, open=judged.open
    )
