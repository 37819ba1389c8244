"""New data about a patient, or a day that came: the referral is screened again and moves by it."""

from dataclasses import dataclass
from uuid import UUID

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import admits
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event
from service.deps import Deps
from service.store import acts, judging, locks, packs, referrals
from service.store.judging import Bench
from service.store.transaction import retried, transaction


@dataclass(frozen=True, kw_only=True)
class RescreenReferral:
    """Which referral; `due` where a deferral's day has come."""

    referral: UUID
    due: bool = False


@retried
async def rescreen_referral(deps: Deps, caller: Caller, command: RescreenReferral) -> Case:
    """Screen a referral as its patient's data stand now.

    The patient's data are locked before they are read, as every write of them is (STORAGE §4):
    what is committed before counts, what comes after asks for a screening of its own.

    Raises:
        Refused: `not-found`; `pack-not-adopted` where this process has another pack than the
            clinic adopted: one that has it does the work.
    """
    allow(caller, Verb.RESCREEN)
    now = deps.now()
    bench = Bench(pack=deps.pack, zone=caller.zone, at=now, new_id=deps.new_id)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        await packs.expect(conn, caller.tenant, deps.pack)
        before = await referrals.find(conn, caller.tenant, command.referral)
        await locks.take(
            conn, [locks.of_patient(caller.tenant, before.placer_id, before.patient_rid)]
        )
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        due = command.due and case.due_at is not None and case.due_at <= now
        judged = await judging.judge(conn, case, bench)
        event = Event.DUE if due and admits(case.stage, Event.DUE) else None
        moved = await judging.settle(conn, case, judged, bench, event=event)
        if due:
            moved = await referrals.move(conn, moved, moved.stage, at=now, due_at=None)
        await acts.leave(
            conn, caller, moved, Verb.RESCREEN, judged=judged, at=now, new_id=deps.new_id
        )
    deps.wake()
    return moved
