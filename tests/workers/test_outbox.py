"""Workers: a lease is one worker's, a dead placer harms no other, nothing stops the loop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

import pytest

from fhir_mappings.model.job import LeaseLost
from fhir_mappings.model.proposal import ProposalState
from fhir_mappings.model.stage import Stage
from service.flows.claim_deliveries import claim_deliveries
from service.flows.deliver_write_back import deliver_write_back
from service.workers.outbox import run_outbox, work
from service.workers.supervisor import supervise
from service.workers.wake import Wake
from tests.kit.database import Database
from tests.kit.lying_placer import Lie, LyingPlacer, serving
from tests.kit.visiting import Visiting, a_placer, a_visiting_clinic


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database) as one:
        yield one


async def let_leases_run_out(clinic: Visiting) -> None:
    await clinic.booking.world.owner.pool.execute(
        "UPDATE outbox SET lease_until = clock_timestamp() - interval '1 s' WHERE state = 'leased'"
    )


async def proofs(clinic: Visiting) -> int:
    found: int = await clinic.booking.world.owner.pool.fetchval(
        "SELECT count(*) FROM delivery WHERE kind = 'write-back' AND outcome = 'proven'"
    )
    return found


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a named moment; a worker that never reaches it fails the test."""
    async with asyncio.timeout(15):
        while not await reached():  # noqa: ASYNC110 - the moment is in the database, not an event
            await asyncio.sleep(0.02)


async def until_posted(clinic: Visiting) -> None:
    async def posted() -> bool:
        return bool(clinic.server.calls("POST"))

    await until(posted)


async def test_a_job_is_one_workers_until_its_lease_runs_out(clinic: Visiting) -> None:
    await clinic.a_performed_referral()

    first = await clinic.claimed()
    second = await clinic.claimed()
    await let_leases_run_out(clinic)
    third = await clinic.claimed()

    assert len(first) == 1
    assert second == []
    assert [one.attempts for one in third] == [2]
    assert third[0].lease != first[0].lease


async def test_many_workers_claim_each_job_once(clinic: Visiting) -> None:
    for number in range(6):
        await clinic.a_performed_referral(str(number))

    claimed = await asyncio.gather(*(clinic.claimed(2) for _ in range(8)))

    ids = [one.id for jobs in claimed for one in jobs]
    assert len(ids) == len(set(ids))
    assert len(ids) <= clinic.worker.settings.placer_calls


async def test_a_worker_killed_after_the_post_leaves_one_procedure(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("hang-after", "POST", times=1)]
    (job,) = await clinic.claimed()
    killed = asyncio.create_task(deliver_write_back(clinic.worker, job))
    await until_posted(clinic)
    killed.cancel()
    await asyncio.wait({killed})

    await let_leases_run_out(clinic)
    await clinic.run_due()
    await clinic.forward_and_run(minutes=2)

    assert len(clinic.server.calls("POST")) == 1
    assert len(clinic.server.of_type("Procedure")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK
    assert await proofs(clinic) == 1


async def test_a_zombie_settles_nothing(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("hang-after", "POST", times=1)]
    (late,) = await clinic.claimed()
    zombie = asyncio.create_task(deliver_write_back(clinic.worker, late))
    await until_posted(clinic)
    await let_leases_run_out(clinic)
    (taken,) = await clinic.claimed()

    await work(clinic.worker, taken, Wake())
    with pytest.raises(LeaseLost):
        await zombie

    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK
    assert len(clinic.server.of_type("Procedure")) == 1
    assert await proofs(clinic) == 1


async def test_a_zombie_that_wakes_before_its_send_sends_nothing(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    (late,) = await clinic.claimed()
    await let_leases_run_out(clinic)
    (taken,) = await clinic.claimed()
    await work(clinic.worker, taken, Wake())
    sent = len(clinic.server.calls("POST"))

    with pytest.raises(LeaseLost):
        await deliver_write_back(clinic.worker, late)

    assert len(clinic.server.calls("POST")) == sent == 1


async def test_a_dead_placer_delays_no_other(clinic: Visiting) -> None:
    async with serving(LyingPlacer()) as dead:
        booking = replace(clinic.booking, placer=await a_placer(clinic.booking, dead, "Eastside"))
        other = clinic.another(booking, dead)
        for number in range(5):
            await other.a_performed_referral(f"dead-{number}")
        dead.lies = [Lie("hang")]
        alive = [await clinic.a_performed_referral(f"alive-{number}") for number in range(3)]
        stop = asyncio.Event()
        running = asyncio.create_task(run_outbox(clinic.worker, stop, Wake()))

        async def all_proven() -> bool:
            return await proofs(clinic) == len(alive)

        await until(all_proven)
        waiting = await clinic.waiting()
        stop.set()
        await running

    assert {await clinic.booking.stage(one) for one in alive} == {Stage.WRITTEN_BACK}
    assert len(waiting) == 5
    assert dead.of_type("Procedure") == []


async def test_a_placer_that_stays_away_is_asked_less_and_less(clinic: Visiting) -> None:
    for number in range(4):
        await clinic.a_performed_referral(str(number))
    clinic.server.lies = [Lie("status", status=503)]
    await clinic.run_due()
    asked = len(clinic.server.asked)

    for _ in range(4):
        await clinic.forward_and_run(seconds=1)

    assert len(clinic.server.asked) == asked


async def test_a_job_that_raises_is_kept_and_the_loop_goes_on(clinic: Visiting) -> None:
    healthy = await clinic.a_performed_referral("healthy")
    await clinic.a_performed_referral("poison")
    await clinic.booking.world.owner.pool.execute(
        "UPDATE outbox SET dedupe = 'write-back:no-visit' WHERE id = "
        "(SELECT id FROM outbox WHERE kind = 'write-back' ORDER BY id DESC LIMIT 1)"
    )

    await clinic.run_due()

    assert await clinic.waiting() == [("ready", "raised")]
    assert await clinic.booking.stage(healthy) is Stage.WRITTEN_BACK


async def test_the_supervisor_delivers_what_was_performed_and_stops_in_time(
    clinic: Visiting,
) -> None:
    referral = await clinic.a_performed_referral()
    stop = asyncio.Event()
    running = asyncio.create_task(supervise(clinic.worker, stop))

    async def written_back() -> bool:
        return await clinic.booking.stage(referral) is Stage.WRITTEN_BACK

    await until(written_back)
    stop.set()

    async with asyncio.timeout(5):
        await running


async def test_timers_end_holds_that_ran_out(clinic: Visiting) -> None:
    referral = await clinic.booking.a_referral("held")
    await clinic.booking.propose(referral)
    clinic.clock.forward(hours=clinic.worker.settings.hold_hours + 1)
    stop = asyncio.Event()
    running = asyncio.create_task(supervise(clinic.worker, stop))

    async def released() -> bool:
        return (await clinic.booking.holds()).get("released", 0) >= 3

    await until(released)
    stop.set()
    await running

    first = await clinic.booking.proposals(referral)
    assert {one.state for one in first if one.round == 1} == {ProposalState.EXPIRED}


async def test_a_slow_job_keeps_its_lease_while_it_is_worked_on(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    settings = clinic.worker.settings.model_copy(update={"lease_seconds": 1.0})
    slow = replace(clinic.worker, settings=settings)
    clinic.server.lies = [Lie("late", times=4)]
    (job,) = await claim_deliveries(slow, most=1)
    working = asyncio.create_task(work(slow, job, Wake()))
    stolen = 0

    while not working.done():
        stolen += len(await clinic.claimed())
        await asyncio.wait({working}, timeout=0.1)

    assert stolen == 0
    assert await proofs(clinic) == 1
