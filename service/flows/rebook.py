"""Move a booking to another window: a new Appointment, the old one cancelled."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage
from fhir_mappings.model.window import Window
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import acts, days, offers, proposals, referrals, resources, screenings, windows
from service.store.days import Days, clinic_day
from service.store.pool import Conn
from service.store.resources import Stored
from service.store.transaction import retried, transaction

_MOVED = "Moved to another time"


class Rebook(msgspec.Struct, frozen=True, kw_only=True):
    """Which Appointment goes to which Slot, why in words, and its version where one is named."""

    appointment: UUID
    window: UUID
    reason: str = ""
    version: int | None = None


class Rebooked(msgspec.Struct, frozen=True, kw_only=True):
    """The referral as it stands now, and the new Appointment as stored."""

    case: Case
    appointment: Stored


@retried
async def rebook(deps: Deps, caller: Caller, command: Rebook) -> Rebooked:
    """Book another window in place of a booking, in one transaction; again is the same answer.

    A booking whose referral waits for a person may move too (PROTOCOL §3.3): the finding that
    it waits for is no reason to keep the day. One that does not wait moves to a clear day only.

    Raises:
        Refused: `role`; `not-found`; `stale`; `stage`; `finding-open`; `window-taken` with the
            next free ones; `patient-booked`.
    """
    allow(caller, Verb.REBOOK)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        seen = await proposals.find(conn, caller.tenant, command.appointment)
        case = await referrals.lock(conn, caller.tenant, referral=seen.referral)
        old = await proposals.find(conn, caller.tenant, command.appointment)
        if done := await _done_before(conn, case, command):
            return done
        await proposals.expect(conn, case, old, version=command.version)
        if old.state is not ProposalState.ACCEPTED:
            raise Refused(Problem(Code.STAGE, "Appointment.status", old.state.value))
        stage = advance(case.stage, Event.REBOOK, await proposals.standing(conn, case))
        window = await _window(conn, caller, command.window)
        judged = await days.of_case(conn, case, deps.pack, today=clinic_day(now, caller.zone))
        day = clinic_day(window.start, caller.zone)
        if stage is Stage.BOOKED and not judged.clear(day):
            raise Refused(judged.problem(window.id, day))
        new = await _move(deps, caller, conn, case, old, window, command.reason, now)
        case = await _record(deps, conn, case, judged, stage, day, now)
        await acts.leave(
            conn,
            caller,
            case,
            Verb.REBOOK,
            targets=[f"Appointment/{old.id}", f"Appointment/{new.id}"],
            reason=command.reason,
            at=now,
            new_id=deps.new_id,
        )
        answer = await _answer(conn, case, new.id)
    deps.wake()
    return answer


async def _done_before(conn: Conn, case: Case, command: Rebook) -> Rebooked | None:
    for one in await proposals.of_referral(conn, case):
        moved = one.replaces == command.appointment and one.window == command.window
        if moved and one.state in proposals.LIVING:
            return await _answer(conn, case, one.id)
    return None


async def _window(conn: Conn, caller: Caller, window: UUID) -> Window:
    found = await windows.find(conn, caller.tenant, [window])
    if window not in found:
        raise Refused(Problem(Code.NOT_FOUND, context="Slot"))
    return found[window]


async def _move(
    deps: Deps,
    caller: Caller,
    conn: Conn,
    case: Case,
    old: Proposal,
    window: Window,
    reason: str,
    now: datetime,
) -> Proposal:
    """Hold the new window, give the old one up, book the new: one living Appointment at a time."""
    said = await offers.terms(
        conn, case, at=now, zone=caller.zone, round_=old.round, replaces=old.id
    )
    new = await offers.offer(conn, case, window, said, expires=window.start, new_id=deps.new_id)
    if new is None:
        ahead = await windows.next_free(conn, at=now, zone=caller.zone)
        raise Refused(Problem(Code.WINDOW_TAKEN, context=f"Slot/{window.id}"), *ahead)
    await proposals.turn(conn, case, old, ProposalState.CANCELLED, at=now, reason=reason or _MOVED)
    return await proposals.turn(
        conn, case, new, ProposalState.ACCEPTED, at=now, by=reason or "the clinic"
    )


async def _record(
    deps: Deps, conn: Conn, case: Case, judged: Days, stage: Stage, day: date, now: datetime
) -> Case:
    said = await screenings.record(
        conn,
        case,
        await judged.told(day),
        inputs=judged.inputs(day),
        at=now,
        new_id=deps.new_id(),
    )
    outcome = said.screening.outcome
    return await referrals.move(conn, case, stage, at=now, planned_date=day, outcome=outcome)


async def _answer(conn: Conn, case: Case, appointment: UUID) -> Rebooked:
    identity = Identity(rtype="Appointment", rid=str(appointment))
    stored = await resources.lock(conn, case.tenant, case.placer_id, identity)
    return Rebooked(case=case, appointment=stored)
