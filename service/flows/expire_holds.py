"""End the proposals of a referral that nobody answered in time; the policy may propose again."""

from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.proposal import ProposalState
from fhir_mappings.model.referral import Case
from service.deps import Deps
from service.store import acts, bookings, proposals, referrals
from service.store.transaction import retried, transaction


class ExpireHolds(msgspec.Struct, frozen=True, kw_only=True):
    """The referral whose holds may have run out: what the timer's `due_work` names."""

    referral: UUID


class HoldsExpired(msgspec.Struct, frozen=True, kw_only=True):
    """The referral as it stands now, and the Appointments that ended."""

    case: Case
    ended: tuple[UUID, ...]


@retried
async def expire_holds(deps: Deps, caller: Caller, command: ExpireHolds) -> HoldsExpired:
    """Free the time of proposals whose hold ran out, and tell the placer; none: nothing changes.

    Whoever takes such a window first frees its hold by itself; the proposal ends here all the
    same.

    Raises:
        Refused: `role`; `not-found`.
    """
    allow(caller, Verb.EXPIRE)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        overdue = [
            one
            for one in await proposals.of_referral(conn, case)
            if one.state is ProposalState.OPEN and one.expires <= now
        ]
        if not overdue:
            return HoldsExpired(case=case, ended=())
        case = await bookings.release(
            conn, case, overdue, ProposalState.EXPIRED, at=now, new_id=deps.new_id
        )
        ended = tuple(one.id for one in overdue)
        await acts.leave(
            conn,
            caller,
            case,
            Verb.EXPIRE,
            targets=[f"Appointment/{one}" for one in ended],
            at=now,
            new_id=deps.new_id,
        )
    deps.wake()
    return HoldsExpired(case=case, ended=ended)
