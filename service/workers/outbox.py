"""Claim work, have the flow of its kind do it, settle it: the loop that never ends by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from fhir_mappings.model.caller import Caller, service_caller
from fhir_mappings.model.job import Job, JobKind, JobOutcome, LeaseLost
from fhir_mappings.problems import Refused
from service import log
from service.deps import Deps
from service.flows.claim_deliveries import claim_deliveries
from service.flows.deliver_task_update import deliver_task_update
from service.flows.deliver_write_back import deliver_write_back
from service.flows.finish_job import FinishJob, finish_job
from service.flows.keep_lease import keep_lease
from service.flows.propose import Propose, propose
from service.flows.rescreen_referral import RescreenReferral, rescreen_referral
from service.workers.wake import Wake

_HEARTBEATS: Final = 4
"""How often a lease is renewed while it lasts (L16: 60 s, every 15 s)."""
_FOR_PEOPLE: Final = frozenset({JobOutcome.NEEDS_PERSON, JobOutcome.DENIED})
_BROKEN: Final = "raised"
"""The code of a job whose flow raised: what was raised stands in the log, never in the row."""

Flow: TypeAlias = Callable[[Deps, Job], Awaitable[JobOutcome]]


async def run_outbox(deps: Deps, stop: asyncio.Event, wake: Wake) -> None:
    """Work until `stop`; what is under way then has the stop's time to end (L22).

    Jobs run side by side, as many as placers may be called at once (L10): a slow one holds its
    own place only.
    """
    running: set[asyncio.Task[None]] = set()
    most, idle = deps.settings.placer_calls_all, deps.settings.poll_busy_seconds
    while not stop.is_set():
        jobs = await _claimed(deps, most - len(running))
        for job in jobs:
            task = asyncio.create_task(work(deps, job, wake))
            running.add(task)
            task.add_done_callback(running.discard)
        busy = deps.settings.poll_busy_seconds
        idle = busy if jobs else min(2 * idle, deps.settings.poll_idle_seconds)
        await wake.wait(idle * (0.5 + deps.chance() / 2))
    await _ended(deps, running)


async def work(deps: Deps, job: Job, wake: Wake) -> None:
    """Do one job under its lease; whatever is raised, the loop goes on and the job is kept."""
    beating = asyncio.create_task(_heartbeat(deps, job))
    doing = asyncio.create_task(_do(deps, job))
    try:
        await asyncio.wait({beating, doing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        beating.cancel()
        doing.cancel()
        ended = await asyncio.gather(beating, doing, return_exceptions=True)
    for fault in ended:
        if isinstance(fault, Exception) and not isinstance(fault, LeaseLost):
            # the database is away while we settle: the lease runs out, the job is kept
            log.logger().warning("job.not-settled", job_id=str(job.id), problem=log.told(fault))
    wake.hint()  # the next job of this referral may be due now


async def _claimed(deps: Deps, most: int) -> list[Job]:
    """Claim, or find nothing while the database is away: a worker reconnects and never exits."""
    if most <= 0:
        return []
    try:
        return await claim_deliveries(deps, most=most)
    except Refused as away:
        log.logger().warning("worker.claim-refused", problem=str(away))
    except Exception:  # noqa: BLE001 - the outbox loop: whatever a claim meets, it goes on (F11)
        log.logger().exception("worker.claim-raised")
    return []


async def _heartbeat(deps: Deps, job: Job) -> None:
    """Renew the lease until cancelled; ends when another worker has the job."""
    while True:
        await asyncio.sleep(deps.settings.lease_seconds / _HEARTBEATS)
        try:
            await keep_lease(deps, job)
        except Refused as away:
            log.logger().warning("worker.heartbeat-refused", problem=str(away))


async def _do(deps: Deps, job: Job) -> None:
    said = log.logger().bind(
        job_id=str(job.id),
        referral_id=str(job.referral),
        placer=str(job.placer_id),
        attempt=job.attempts,
    )
    try:
        outcome = await _FLOWS[job.kind](deps, job)
    except LeaseLost:
        said.warning("job.lease-lost")
        raise
    except Refused as refused:
        said.warning("job.refused", problem=str(refused))
        outcome = await finish_job(deps, job, FinishJob(code=refused.problems[0].code.value))
    except Exception:  # noqa: BLE001 - the outbox loop: a poison job must not stop the others (F39)
        said.exception("job.raised")
        outcome = await finish_job(deps, job, FinishJob(code=_BROKEN))
    tell = said.warning if outcome in _FOR_PEOPLE else said.info
    tell(f"job.{outcome.value}")


async def _rescreen(deps: Deps, job: Job) -> JobOutcome:
    await rescreen_referral(deps, _service(job), RescreenReferral(referral=job.referral))
    return await finish_job(deps, job, FinishJob())


async def _propose_again(deps: Deps, job: Job) -> JobOutcome:
    await propose(deps, _service(job), Propose(referral=job.referral))
    return await finish_job(deps, job, FinishJob())


def _service(job: Job) -> Caller:
    return service_caller(job.tenant, job.zone)


_FLOWS: Final[Mapping[JobKind, Flow]] = MappingProxyType(
    {
        JobKind.WRITE_BACK: deliver_write_back,
        JobKind.TASK_UPDATE: deliver_task_update,
        JobKind.RESCREEN: _rescreen,
        JobKind.PROPOSE_AGAIN: _propose_again,
    }
)


async def _ended(deps: Deps, running: set[asyncio.Task[None]]) -> None:
    """Let what is under way end; what does not is cancelled, and its lease runs out."""
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=deps.settings.stop_seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
