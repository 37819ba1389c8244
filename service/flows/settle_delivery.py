"""A person settles a delivery that waits for one: again, adopted, or told by other means."""

from datetime import timedelta
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.job import JobKind
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.parse.settling import Action, Settling
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import acts, deliveries, referrals, tasks, writebacks
from service.store.deliveries import Waiting
from service.store.pool import Conn
from service.store.transaction import retried, transaction

_OTHER_MEANS = "other-means"


class SettleDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """Which referral, what is done about its delivery, and the Task's version where named."""

    referral: UUID
    settling: Settling
    version: int | None = None


@retried
async def settle_delivery(deps: Deps, caller: Caller, command: SettleDelivery) -> Case:
    """Settle what waits for a person; the same act again changes nothing.

    `again` gives the job a new day of tries: it searches before it sends. `adopt` says that what
    stands at `reference` is the record, `other-means` how the placer was told: both complete the
    Task on that person's word, which is kept.

    Raises:
        Refused: `role`, `not-found`, `stale`; `stage` where nothing waits, or where only a Task
            update waits that cannot be adopted.
    """
    said = command.settling
    allow(caller, Verb.RESEND if said.action is Action.AGAIN else Verb.SETTLE)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        waiting = await deliveries.waiting(conn, case)
        if waiting is None:
            if await writebacks.settled_as(conn, case) == said.action.value:
                return case
            raise Refused(Problem(Code.STAGE, context=case.stage.value))
        await tasks.expect(conn, case, version=command.version)
        if said.action is Action.AGAIN:
            case = await _again(deps, conn, case, waiting)
        else:
            case = await _proven(deps, conn, caller, case, waiting, said)
        await acts.leave(
            conn,
            caller,
            case,
            Verb.RESEND if said.action is Action.AGAIN else Verb.SETTLE,
            reason=said.note,
            at=now,
            new_id=deps.new_id,
        )
    deps.wake()
    return case


async def _again(deps: Deps, conn: Conn, case: Case, waiting: Waiting) -> Case:
    now = deps.now()
    if waiting.kind is JobKind.WRITE_BACK:
        writeback = await writebacks.of_visit(conn, case, UUID(waiting.about))
        await writebacks.search_again(conn, case, writeback, at=now)
    await deliveries.again(
        conn,
        case,
        waiting.id,
        run_at=now,
        give_up_at=now + timedelta(hours=deps.settings.give_up_hours),
    )
    return await referrals.move(conn, case, case.stage, at=now)


async def _proven(
    deps: Deps, conn: Conn, caller: Caller, case: Case, waiting: Waiting, said: Settling
) -> Case:
    now = deps.now()
    if waiting.kind is not JobKind.WRITE_BACK or caller.person is None:
        raise Refused(Problem(Code.STAGE, context=waiting.kind.value))
    await deliveries.close(
        conn,
        case,
        waiting.id,
        outcome=said.action.value,
        code="",
        at=now,
        new_id=deps.new_id(),
    )
    await writebacks.settle(
        conn,
        case,
        await writebacks.of_visit(conn, case, UUID(waiting.about)),
        reference=said.reference or _OTHER_MEANS,
        code=said.action.value,
        said=said.note,
        person=caller.person,
        at=now,
    )
    stage = case.stage
    if stage is Stage.PERFORMED:
        stage = advance(stage, Event.PROVEN, Standing())
    return await referrals.move(conn, case, stage, at=now)
