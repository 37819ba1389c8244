"""Say that a job is still being worked on: the heartbeat of a lease."""

from fhir_mappings.model.job import Job
from service.deps import Deps
from service.store import deliveries
from service.store.transaction import retried, transaction


@retried
async def keep_lease(deps: Deps, job: Job) -> None:
    """Make a job's lease last as long again (L16).

    Raises:
        LeaseLost: another worker has taken the job over: stop what you do for it.
    """
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        await deliveries.keep(conn, job, lease_seconds=deps.settings.lease_seconds)
