"""A placer takes its order back, or says that it was entered in error (PROTOCOL §3.4)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity, Tree, members
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.references import rewrites, rewritten
from fhir_mappings.parse.sameness import fingerprint
from service.deps import Deps
from service.store import acts, proposals, referrals, resources
from service.store.pool import Conn
from service.store.transaction import retried, transaction


@dataclass(frozen=True, kw_only=True)
class WithdrawReferral:
    """Which referral, why (words for the clinic), and whether the order never was one.

    `said` is the resource that said it, to be kept under `said_rid`: the order's own new version,
    or a Task that asks to abort.
    """

    referral: UUID
    reason: str = ""
    void: bool = False
    said: Entry | None = None
    said_rid: str = ""


@retried
async def withdraw_referral(deps: Deps, caller: Caller, command: WithdrawReferral) -> Case:
    """Withdraw a referral and release what it held; a repeat changes nothing.

    A patient who has arrived stays: the clinician answers the withdrawal.

    Raises:
        Refused: `role`; `not-found`; `too-late` where the visit was performed or the referral has
            ended otherwise.
    """
    allow(caller, Verb.WITHDRAW_REFERRAL)
    now = deps.now()
    event = Event.VOID if command.void else Event.WITHDRAW
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        stage = advance(case.stage, event, Standing())
        await _keep(conn, case, command, base=deps.settings.fhir_base, at=now, stage=stage)
        if stage is case.stage and stage is not Stage.ARRIVED:
            return case
        if stage is not Stage.ARRIVED:
            await proposals.withdraw_open(conn, case, at=now, reason=command.reason)
            await proposals.cancel_living(
                conn, case, at=now, by=f"placer:{case.placer_id}", reason=command.reason
            )
        case = await referrals.move(conn, case, stage, at=now, reason=command.reason, due_at=None)
        await acts.leave(conn, caller, case, Verb.WITHDRAW_REFERRAL, at=now, new_id=deps.new_id)
    deps.wake()
    return case


async def _keep(
    conn: Conn, case: Case, command: WithdrawReferral, *, base: str, at: datetime, stage: Stage
) -> None:
    """Keep what the placer said as it came; a Task that asks is then answered by its status.

    One that waits for the clinician (the patient has arrived) stays as it was asked.
    """
    entry = command.said
    if entry is None:
        return
    identity = Identity(rtype=entry.rtype, rid=command.said_rid)
    standing = await resources.find(conn, case.tenant, case.placer_id, identity)
    reading, _ = rewrites([entry], {entry.place: identity}, {}, base=base)
    here = reading.get(entry.place, {})
    tree = members(rewritten(entry.tree, here))
    said = fingerprint(tree, str)
    if standing is not None and standing.fingerprint == said:
        return
    version = standing.version + 1 if standing else 1
    new = resources.received(
        case.placer_id,
        entry,
        identity,
        version=version,
        reading=here,
        said=said,
        at=at,
        referral=case.id,
    )
    await resources.write(conn, case.tenant, case.placer_id, [new], at=at)
    if entry.rtype == "Task" and stage is not Stage.ARRIVED:
        answered: Tree = {**tree, "status": "accepted"}
        answered.pop("id", None)
        trees = [(identity, answered)]
        await resources.make(conn, case.tenant, case.placer_id, trees, at=at, referral=case.id)
