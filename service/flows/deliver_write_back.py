"""Carry a visit's record to the placer's server, and call it done only when it was read there.

Claimed before, settled after: no transaction is held while we wait for somebody else. What was
sent or claimed is written down under the lease at each step, so that whoever takes the job over
knows what may stand there already.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.decide import ladder
from fhir_mappings.decide.ladder import Person, Progress, Proven, ReadBack, Search, Send, Stop, Wait
from fhir_mappings.decide.retry import Again, Patience, ToPerson, try_again
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Verb, service_caller
from fhir_mappings.model.job import Job, JobOutcome
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.model.visit import There
from fhir_mappings.model.writeback import (
    PersonReason,
    Proof,
    Verdict,
    WriteBack,
    WriteBackState,
)
from fhir_mappings.render import procedure
from service.clients import whereabouts
from service.clients.breaker import Health
from service.clients.courier import Courier
from service.deps import Deps
from service.store import audit, deliveries, parcels, referrals, tasks, writebacks
from service.store.parcels import Parcel
from service.store.transaction import retried, transaction

_STEPS_MOST: Final = 200
"""A visit's resources take a few steps each; more is a server that leads us in rings."""


@dataclass(frozen=True, kw_only=True)
class Carried:
    """How far one run came."""

    step: Proven | Wait | Stop | Person
    known: Progress
    courier: Courier | None = None


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What becomes of the job, and why, from a closed set."""

    then: Again | ToPerson
    code: str
    renewed: bool = False


async def deliver_write_back(deps: Deps, job: Job) -> JobOutcome:
    """Do one run of one write-back, and settle it.

    Raises:
        LeaseLost: another worker has taken the job over; nothing was settled.
    """
    parcel = await _load(deps, job)
    known = _begin(parcel)
    if parcel.writeback.state is WriteBackState.PROVEN:
        return await _already(deps, job)
    if not parcel.placer.base:
        carried = Carried(step=Person(reason=PersonReason.NO_BASE), known=known)
    else:
        carried = await _carry(deps, job, parcel, known)
    if isinstance(carried.step, Proven) and carried.courier is not None:
        return await _prove(deps, job, parcel, carried.known, carried.courier)
    return await _put_back(deps, job, parcel, carried, _next(deps, job, parcel, carried))


async def _load(deps: Deps, job: Job) -> Parcel:
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        await deliveries.hold(conn, job)
        return await parcels.of_visit(conn, job.tenant, job.referral, UUID(job.about))


def _begin(parcel: Parcel) -> Progress:
    writeback = parcel.writeback
    return Progress(
        wanted=tuple(procedure.identifier_of(one)[1] for one in parcel.stored),
        way=writeback.way,
        claimed=writeback.claimed,
        sent_at=writeback.sent_at,
        claimed_at=writeback.claimed_at,
    )


async def _carry(deps: Deps, job: Job, parcel: Parcel, known: Progress) -> Carried:
    server = deps.placers.server(parcel.placer)
    place = await whereabouts.place(
        server,
        patient=parcel.patient,
        order=parcel.order,
        key=(parcel.case.order_system, parcel.case.order_value),
        named=parcel.named,
        now=deps.now(),
    )
    if not isinstance(place, There):
        failed = None if isinstance(place, Person) else Verdict.LATER
        return Carried(step=place, known=msgspec.structs.replace(known, last=failed))
    courier = Courier(server, parcel.stored, place, parcel.placer.keeps)
    for _ in range(_STEPS_MOST):
        now = deps.now()
        step = ladder.next_step(known, now)
        match step:
            case Search():
                known = await courier.search(known, step.values, now)
            case Send():
                known = msgspec.structs.replace(known, sent_at=now, way=step.way)
                await _note(deps, job, parcel, known)
                known = await courier.send(known, step, now)
                await _note(deps, job, parcel, known)
            case ReadBack():
                known = await courier.read_back(known, step.value, now)
            case _:
                return Carried(step=step, known=known, courier=courier)
    return Carried(step=Wait(), known=known, courier=courier)


async def _note(deps: Deps, job: Job, parcel: Parcel, known: Progress) -> None:
    """Write down what may stand there by now: the next worker must know it before it sends."""
    state = WriteBackState.UNCERTAIN if known.sent_at is None else WriteBackState.SENT
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        await deliveries.hold(conn, job)
        await deliveries.keep(conn, job, lease_seconds=deps.settings.lease_seconds)
        await writebacks.note(conn, job.tenant, _known(parcel, known, state), at=deps.now())


def _known(parcel: Parcel, known: Progress, state: WriteBackState) -> WriteBack:
    return msgspec.structs.replace(
        parcel.writeback,
        way=known.way,
        state=state,
        claimed=known.claimed,
        sent_at=known.sent_at,
        claimed_at=known.claimed_at,
    )


@retried
async def _already(deps: Deps, job: Job) -> JobOutcome:
    """The record was proven before, by another run or a person: only the job is left."""
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        await deliveries.complete(
            conn, job, outcome="proven-before", at=deps.now(), new_id=deps.new_id()
        )
    deps.placers.breaker.note(job.placer_id, Health.WORKED, deps.now())
    return JobOutcome.DONE


@retried
async def _prove(
    deps: Deps, job: Job, parcel: Parcel, known: Progress, courier: Courier
) -> JobOutcome:
    """Keep the proof, complete the Task, and take the job off, in one transaction."""
    now = deps.now()
    caller = service_caller(job.tenant, job.zone)
    proof = Proof(stood=tuple(courier.stood[value] for value in known.wanted), at=now)
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        case = await referrals.lock(conn, job.tenant, referral=job.referral)
        await deliveries.hold(conn, job)
        proven = _known(parcel, known, WriteBackState.PROVEN)
        await writebacks.prove(conn, job.tenant, proven, proof)
        if case.stage is Stage.PERFORMED:
            stage = advance(case.stage, Event.PROVEN, Standing())
            case = await referrals.move(conn, case, stage, at=now)
        else:  # not performed: the record is proven, the referral has ended before
            case = await referrals.move(conn, case, case.stage, at=now)
        await tasks.tell(conn, case, at=now, new_id=deps.new_id())
        await deliveries.complete(conn, job, outcome="proven", at=now, new_id=deps.new_id())
        await audit.add(
            conn,
            caller,
            Verb.DELIVER,
            placer=case.placer_id,
            referral=case.id,
            what=f"write-back proven {parcel.writeback.visit}",
            at=now,
            new_id=deps.new_id(),
        )
    deps.wake()
    deps.placers.breaker.note(job.placer_id, Health.WORKED, deps.now())
    return JobOutcome.DONE


@retried
async def _put_back(
    deps: Deps, job: Job, parcel: Parcel, carried: Carried, ahead: Ahead
) -> JobOutcome:
    """Write down how far it came, and when it is tried again or that a person must look."""
    now, then, known = deps.now(), ahead.then, carried.known
    async with transaction(deps.pool, tenant=job.tenant, placer=str(job.placer_id)) as conn:
        await deliveries.hold(conn, job)
        noted = _known(parcel, known, _state(carried, then))
        await writebacks.note(conn, job.tenant, noted, code=ahead.code, at=now)
        await deliveries.put_back(conn, job, then, code=ahead.code, at=now, new_id=deps.new_id())
    deps.placers.breaker.note(job.placer_id, _health(carried, ahead), now, pause=known.pause)
    if isinstance(then, ToPerson):
        return JobOutcome.NEEDS_PERSON
    denied = isinstance(carried.step, Stop) and not ahead.renewed
    return JobOutcome.DENIED if denied else JobOutcome.AGAIN


def _next(deps: Deps, job: Job, parcel: Parcel, carried: Carried) -> Ahead:
    now, step, known = deps.now(), carried.step, carried.known
    patience = Patience(
        attempts=job.attempts,
        give_up_at=job.give_up_at,
        chance=deps.chance(),
        first=timedelta(seconds=deps.settings.retry_first_seconds),
        most=timedelta(seconds=deps.settings.retry_most_seconds),
    )
    match step:
        case Person():
            differing = carried.courier.differences if carried.courier else ()
            code = " ".join([step.reason.value, *sorted(set(differing))])
            return Ahead(then=ToPerson(code=step.reason.value), code=code)
        case Stop() if deps.placers.renew(parcel.placer):
            return Ahead(then=Again(run_at=now), code="token-renewed", renewed=True)
        case Stop():
            return Ahead(then=try_again(patience, now, least=timedelta(0)), code="denied")
        case Wait():
            code = "not-there-yet" if known.last is None else known.last.value
            return Ahead(then=try_again(patience, now, least=step.least), code=code)
        case Proven():
            return Ahead(then=Again(run_at=now), code="proof-incomplete")


def _state(carried: Carried, then: Again | ToPerson) -> WriteBackState:
    if isinstance(then, ToPerson):
        gave_up = then.code == PersonReason.GAVE_UP.value
        return WriteBackState.GAVE_UP if gave_up else WriteBackState.REFUSED
    if carried.known.sent_at is not None:
        return WriteBackState.SENT
    return WriteBackState.UNCERTAIN if carried.known.claimed else WriteBackState.PENDING


def _health(carried: Carried, ahead: Ahead) -> Health:
    """Judge the server, not the delivery: a record that differs is no outage."""
    if isinstance(carried.step, Stop):
        return Health.WORKED if ahead.renewed else Health.DENIED
    failed = carried.known.last in {Verdict.LATER, Verdict.UNKNOWN}
    return Health.FAILED if failed and isinstance(carried.step, Wait) else Health.WORKED
