"""End a job that only asked for a flow of ours, done or refused."""

from datetime import timedelta

import msgspec

from fhir_mappings.decide.retry import Again, Patience, ToPerson, try_again
from fhir_mappings.model.job import Job, JobOutcome
from service.deps import Deps
from service.store import deliveries
from service.store.transaction import retried, transaction


class FinishJob(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: done, or a `code` of a closed set that says why not."""

    code: str = ""


@retried
async def finish_job(deps: Deps, job: Job, command: FinishJob) -> JobOutcome:
    """Take a job off the outbox, or give it back for a later try; in the end a person has it.

    A job that always fails is tried at growing distances until its time is over (SECURITY F39).

    Raises:
        LeaseLost: another worker has taken the job over.
    """
    now = deps.now()
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        if not command.code:
            await deliveries.complete(conn, job, outcome="done", at=now, new_id=deps.new_id())
            return JobOutcome.DONE
        patience = Patience(
            attempts=job.attempts,
            give_up_at=job.give_up_at,
            chance=deps.chance(),
            first=timedelta(seconds=deps.settings.retry_first_seconds),
            most=timedelta(seconds=deps.settings.retry_most_seconds),
        )
        then = try_again(patience, now, least=timedelta(0))
        await deliveries.put_back(conn, job, then, code=command.code, at=now, new_id=deps.new_id())
    match then:
        case Again():
            return JobOutcome.AGAIN
        case ToPerson():
            return JobOutcome.NEEDS_PERSON
