"""What time alone makes due: holds that ran out, deferrals and questions that ended."""

import asyncio
from collections.abc import Collection
from uuid import UUID

from fhir_mappings.model.caller import service_caller
from fhir_mappings.problems import Refused
from service import log
from service.deps import Deps
from service.flows.expire_holds import ExpireHolds, expire_holds
from service.flows.find_due_work import DueWork, find_due_work
from service.flows.rescreen_referral import RescreenReferral, rescreen_referral

_HOLD_EXPIRED = "hold-expired"


async def run_timers(deps: Deps, stop: asyncio.Event) -> None:
    """Look for what is due until `stop`."""
    while not stop.is_set():
        await ring(deps, stop)
        try:
            async with asyncio.timeout(deps.settings.poll_idle_seconds):
                await stop.wait()
        except TimeoutError:
            continue


async def ring(deps: Deps, stop: asyncio.Event) -> None:
    """Do everything that is due now, one referral after the other, each once.

    What is due still after it was tried waits for the next time, and hides nothing behind it.
    """
    tried: set[DueWork] = set()
    stuck: set[UUID] = set()
    while found := await _found(deps, stuck):
        stuck |= {due.referral for due in found if due in tried}
        for due in found:
            if stop.is_set():
                return
            if due not in tried:
                tried.add(due)
                await _try(deps, due)


async def _try(deps: Deps, due: DueWork) -> None:
    """Do one thing; a fault leaves the rest be."""
    said = log.logger().bind(referral_id=str(due.referral), tenant=str(due.tenant))
    try:
        await _do(deps, due)
    except Refused as refused:
        said.warning("timer.refused", problem=str(refused))
    except Exception:  # noqa: BLE001 - the timer loop: one referral must not stop the others
        said.exception("timer.raised")


async def _found(deps: Deps, past: Collection[UUID]) -> list[DueWork]:
    try:
        return await find_due_work(deps, past=past)
    except Refused as away:
        log.logger().warning("timer.look-refused", problem=str(away))
    except Exception:  # noqa: BLE001 - the timer loop: it looks again in a moment
        log.logger().exception("timer.look-raised")
    return []


async def _do(deps: Deps, due: DueWork) -> None:
    caller = service_caller(due.tenant, due.zone)
    if due.what == _HOLD_EXPIRED:
        await expire_holds(deps, caller, ExpireHolds(referral=due.referral))
    else:
        await rescreen_referral(deps, caller, RescreenReferral(referral=due.referral, due=True))
