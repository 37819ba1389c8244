"""A clinic is judged by another content pack: noted, and its open referrals are screened again."""

from dataclasses import dataclass

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.pack import Pack
from service.deps import Deps
from service.store import audit, outbox, packs
from service.store.transaction import retried, transaction


@dataclass(frozen=True, kw_only=True)
class AdoptPack:
    """Which pack, who decided it, and why."""

    pack: Pack
    set_by: str
    why: str


@dataclass(frozen=True, kw_only=True)
class PackAdopted:
    """How many open referrals wait for a screening; `again` where it was adopted before."""

    waiting: int
    again: bool


@retried
async def adopt_pack(deps: Deps, caller: Caller, command: AdoptPack) -> PackAdopted:
    """Adopt a pack for one clinic, and ask for a new screening of what another one judged.

    The same pack again asks only for what was judged by another one since: a process that was not
    started anew with it goes on judging by its own, but screens nothing again.

    Raises:
        Refused: `pack-version` where this version was adopted with other bytes.
    """
    allow(caller, Verb.CHANGE_CLINIC)
    now, pack = deps.now(), command.pack
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        before = await packs.adopted(conn, caller.tenant)
        again = before is not None and before.digest == pack.digest
        if not again:
            await packs.keep(conn, pack, at=now)
            await packs.adopt(
                conn, caller.tenant, pack, at=now, set_by=command.set_by, why=command.why
            )
        waiting = await packs.lock_judged_by_another(conn, caller.tenant, pack)
        for case in waiting:
            await outbox.rescreen(conn, case, at=now, new_id=deps.new_id())
        await audit.add(
            conn,
            caller,
            Verb.CHANGE_CLINIC,
            placer=None,
            referral=None,
            what=f"pack adopted: {pack.name} {pack.version}",
            at=now,
            new_id=deps.new_id(),
        )
    deps.wake()
    return PackAdopted(waiting=len(waiting), again=again)
