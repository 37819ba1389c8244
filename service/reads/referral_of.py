"""Which referral is meant by a Task, or by an order?"""

from uuid import UUID

from fhir_mappings.model.caller import Caller
from service.deps import Deps
from service.store import referrals
from service.store.transaction import transaction


async def of_task(deps: Deps, caller: Caller, rid: str, *, placer: UUID | None = None) -> UUID:
    """Return the referral whose coordination Task has this id.

    `placer` chooses where two placers use the id.

    Raises:
        Refused: `not-found`; `which-placer` where it is not chosen.
    """
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        return await referrals.id_of_task(conn, caller.tenant, rid, placer=placer)


async def of_order(deps: Deps, caller: Caller, rid: str, *, placer: UUID | None = None) -> UUID:
    """Return the referral whose ServiceRequest has this id.

    `placer` chooses where two placers use the id.

    Raises:
        Refused: `not-found`; `which-placer` where it is not chosen.
    """
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        return await referrals.id_of_order(conn, caller.tenant, rid, placer=placer)
