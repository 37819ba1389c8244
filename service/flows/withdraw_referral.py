"""A placer takes its order back, or says that it was entered in error (PROTOCOL §3.4)."""

from dataclasses import dataclass
from uuid import UUID

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage, Standing
from service.deps import Deps
from service.store import acts, proposals, referrals
from service.store.transaction import retried, transaction


@dataclass(frozen=True, kw_only=True)
class WithdrawReferral:
    """Which referral, why (words for the clinic), and whether the order never was one."""

    referral: UUID
    reason: str = ""
    void: bool = False


@retried
async def withdraw_referral(deps: Deps, caller: Caller, command: WithdrawReferral) -> Case:
    """Withdraw a referral and release what it held; a repeat changes nothing.

    A patient who has arrived stays: the clinician answers the withdrawal.

    Raises:
        Refused: `role`; `not-found`; `too-late` where the visit was performed or the referral has
            ended otherwise.
    """
    allow(caller, Verb.WITHDRAW_REFERRAL)
    now = deps.now()
    event = Event.VOID if command.void else Event.WITHDRAW
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        stage = advance(case.stage, event, Standing())
        if stage is case.stage and stage is not Stage.ARRIVED:
            return case
        if stage is not Stage.ARRIVED:
            await proposals.withdraw_open(conn, case, at=now, reason=command.reason)
            await proposals.cancel_living(
                conn, case, at=now, by=f"placer:{case.placer_id}", reason=command.reason
            )
        case = await referrals.move(conn, case, stage, at=now, reason=command.reason, due_at=None)
        await acts.leave(conn, caller, case, Verb.WITHDRAW_REFERRAL, at=now, new_id=deps.new_id)
    deps.wake()
    return case
