"""Take work that is due, under a lease: what a worker asks before it knows a clinic."""

from uuid import UUID

from fhir_mappings.model.job import Job
from service.deps import Deps
from service.store import deliveries
from service.store.transaction import EVERY_PLACER, retried, transaction

_NO_TENANT = UUID(int=0)
"""The claim crosses tenants in a function of the database; nothing else of it sees a row."""


@retried
async def claim_deliveries(deps: Deps, *, most: int) -> list[Job]:
    """Claim up to `most` jobs that are due, oldest first.

    Placers that are away are left alone (their breaker is open); no placer has more jobs under
    way than L10 allows, all workers together; of one kind a referral has one at a time.
    """
    now = deps.now()
    async with transaction(deps.pool, tenant=_NO_TENANT, placer=EVERY_PLACER) as conn:
        return await deliveries.claim(
            conn,
            lease=deps.new_id(),
            at=now,
            lease_seconds=deps.settings.lease_seconds,
            per_placer=deps.settings.placer_calls,
            most=most,
            closed=deps.placers.breaker.closed_to(now),
        )
