"""Keep the placer's own copy of the coordination Task in step with ours.

The copy is found by our identifier, made by a conditional create, then read, changed and written
back with its version: never blindly overwritten. A placer whose server takes no Task polls ours.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from fhir_mappings.decide import ladder
from fhir_mappings.decide.ladder import Person, Stop, Wait
from fhir_mappings.decide.retry import Again, Patience, ToPerson, try_again
from fhir_mappings.model.job import Job, JobOutcome
from fhir_mappings.model.json import Identity, Tree, text
from fhir_mappings.model.visit import There
from fhir_mappings.model.writeback import Answer, PersonReason, Reply, Verdict
from fhir_mappings.parse import readback
from fhir_mappings.render import task_there
from service.clients import whereabouts
from service.clients.breaker import Health
from service.clients.fhir import FhirServer
from service.deps import Deps
from service.store import deliveries, parcels, placers
from service.store.parcels import Letter
from service.store.transaction import retried, transaction

_ROUNDS_MOST: Final = 3
"""How often a copy that changes under our hands is read and written again (F28)."""

_NO_TASKS: Final = frozenset({404, 405, 501})


@dataclass(frozen=True)
class Kept:
    """The copy stands there and says what ours says."""


@dataclass(frozen=True)
class Polls:
    """The placer's server takes no Task: it reads ours."""


@dataclass(frozen=True)
class Moving:
    """The copy changed each time we read it: later."""


@dataclass(frozen=True)
class Renewed:
    """We were not let in, and have another token now: at once."""


End: TypeAlias = Kept | Polls | Moving | Renewed | Wait | Stop | Person


async def deliver_task_update(deps: Deps, job: Job) -> JobOutcome:
    """Do one run of one Task update, and settle it.

    Raises:
        LeaseLost: another worker has taken the job over; nothing was settled.
    """
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        await deliveries.hold(conn, job)
        letter = await parcels.of_task(conn, job.tenant, job.referral)
    end: End = Polls() if not letter.placer.base else await _keep(deps, letter)
    if isinstance(end, Stop) and deps.placers.renew(letter.placer):
        end = Renewed()
    return await _settle(deps, job, end)


async def _keep(deps: Deps, letter: Letter) -> End:
    server = deps.placers.server(letter.placer)
    place = await whereabouts.place(
        server,
        patient=letter.patient,
        order=letter.order,
        key=(letter.case.order_system, letter.case.order_value),
        named=letter.named,
        now=deps.now(),
    )
    if not isinstance(place, There):
        return place
    ours = task_there.there(letter.task, place, base=deps.settings.fhir_base)
    for _ in range(_ROUNDS_MOST):
        end = await _round(deps, server, ours)
        if end is not None:
            return end
    return Moving()


async def _round(deps: Deps, server: FhirServer, ours: Tree) -> End | None:
    """Find the copy and bring it in step, or make it; None: it changed meanwhile, once more."""
    system, value = task_there.unless(ours)
    reply = await server.search("Task", ("identifier", f"{system}|{value}"))
    if end := _no_answer(deps, reply):
        return end
    found = readback.found(reply, server.base, "Task", system=system, value=value)
    if found is None:
        return Wait()  # a proxy's page
    if not found.honest:
        return Polls()  # without a search we could only make one copy after the other
    if not found.references:
        created = await server.create(ours, unless=f"identifier={system}|{value}")
        return _written(deps, created)
    rtype, _, rid = found.references[0].partition("/")
    return await _update(deps, server, Identity(rtype=rtype, rid=rid), ours)


async def _update(deps: Deps, server: FhirServer, identity: Identity, ours: Tree) -> End | None:
    reply = await server.read(identity)
    if end := _no_answer(deps, reply):
        return end
    theirs = readback.tree_of(reply)
    if not isinstance(reply, Answer) or text(theirs, "id") != identity.rid:
        return Wait()
    if task_there.says_the_same(theirs, ours):
        return Kept()
    version = readback.version_of(reply, theirs)
    changed = task_there.merged(theirs, ours)
    return _written(deps, await server.update(identity, changed, version=version))


def _no_answer(deps: Deps, reply: Reply) -> End | None:
    """Say what an answer that is no 2xx ends in; None: it is one."""
    said = ladder.verdict(reply, not_supported=_takes_no_task(reply))
    match said:
        case Verdict.DONE:
            return None
        case Verdict.DENIED:
            return Stop()
        case Verdict.ABSENT | Verdict.REFUSED if _takes_no_task(reply):
            return Polls()
        case Verdict.REFUSED:
            return Person(reason=PersonReason.REFUSED)
        case _:
            return Wait(least=ladder.pause(reply, deps.now()))


def _written(deps: Deps, reply: Reply) -> End | None:
    """Say what a create or update ends in; a version that moved on is read again.

    A body that is no JSON is a proxy's page, whatever its status: the next run looks.
    """
    if ladder.verdict(reply) is Verdict.CONFLICT:
        return None
    if end := _no_answer(deps, reply):
        return end
    page = isinstance(reply, Answer) and reply.body and not readback.tree_of(reply)
    return Wait() if page else Kept()


def _takes_no_task(reply: Reply) -> bool:
    return isinstance(reply, Answer) and (
        reply.status in _NO_TASKS or readback.not_supported(reply)
    )


@retried
async def _settle(deps: Deps, job: Job, end: End) -> JobOutcome:
    now = deps.now()
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        await deliveries.hold(conn, job)
        then = _then(deps, job, end)
        if isinstance(then, str):
            if isinstance(end, Polls):
                await placers.let_poll(conn, job.tenant, job.placer_id)
            await deliveries.complete(conn, job, outcome=then, at=now, new_id=deps.new_id())
        else:
            await deliveries.put_back(
                conn, job, then, code=_code(end), at=now, new_id=deps.new_id()
            )
    pause = end.least if isinstance(end, Wait) else timedelta(0)
    deps.placers.breaker.note(job.placer_id, _health(end), now, pause=pause)
    denied = isinstance(end, Stop) and isinstance(then, Again)
    return JobOutcome.DENIED if denied else _outcome(then)


def _then(deps: Deps, job: Job, end: End) -> Again | ToPerson | str:
    """Say what becomes of the job: its outcome where it is over, else when or who is next."""
    patience = Patience(
        attempts=job.attempts,
        give_up_at=job.give_up_at,
        chance=deps.chance(),
        first=timedelta(seconds=deps.settings.retry_first_seconds),
        most=timedelta(seconds=deps.settings.retry_most_seconds),
    )
    match end:
        case Kept():
            return "kept"
        case Polls():
            return "polls"
        case Person():
            return ToPerson(code=end.reason.value)
        case Renewed():
            return Again(run_at=deps.now())
        case Moving() | Stop():
            return try_again(patience, deps.now(), least=timedelta(0))
        case Wait():
            return try_again(patience, deps.now(), least=end.least)


def _outcome(then: Again | ToPerson | str) -> JobOutcome:
    match then:
        case Again():
            return JobOutcome.AGAIN
        case ToPerson():
            return JobOutcome.NEEDS_PERSON
        case _:
            return JobOutcome.DONE


def _code(end: End) -> str:
    match end:
        case Person():
            return end.reason.value
        case Stop():
            return "denied"
        case _:
            return "later"


def _health(end: End) -> Health:
    match end:
        case Wait():
            return Health.FAILED
        case Stop():
            return Health.DENIED
        case _:
            return Health.WORKED
