"""Shut a referring organisation out: within seconds no token of its client opens anything."""

from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.placer import Placer
from service.deps import Deps
from service.store import audit, placers
from service.store.transaction import retried, transaction


class DisablePlacer(msgspec.Struct, frozen=True, kw_only=True):
    """Which placer."""

    placer: UUID


@retried
async def disable_placer(deps: Deps, caller: Caller, command: DisablePlacer) -> Placer:
    """Disable a placer and return it; again is no fault. Its referrals and records stay.

    Raises:
        Refused: `role`; `not-found`.
    """
    allow(caller, Verb.CHANGE_CLINIC)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        if await placers.disable(conn, caller.tenant, command.placer):
            await audit.add(
                conn,
                caller,
                Verb.CHANGE_CLINIC,
                placer=command.placer,
                referral=None,
                what="placer disabled",
                at=now,
                new_id=deps.new_id(),
            )
        return await placers.find(conn, caller.tenant, command.placer)
