"""Open, change or close one window by hand."""

from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.window import Opening, WantedSlot, Window
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import audit, windows
from service.store.pool import Conn
from service.store.transaction import retried, transaction


class ChangeSlot(msgspec.Struct, frozen=True, kw_only=True):
    """One Slot: `slot` None opens a new one, `wanted` None takes it off for good."""

    slot: UUID | None
    wanted: WantedSlot | None


@retried
async def change_slot(deps: Deps, caller: Caller, command: ChangeSlot) -> UUID:
    """Do what a person says of one window and return its id, which it keeps for life.

    Nothing that an Appointment lives on, or is proposed for, moves or goes; it may be closed and
    opened, which says only what is offered next.

    Raises:
        Refused: `role`; `not-found`; `window-in-use`; `schedule-overlap`; `bad-window` in the
            past; `reference-not-found` for an unknown Schedule, or another one than its own.
    """
    allow(caller, Verb.CHANGE_SLOTS)
    now = deps.now()
    if command.wanted and command.wanted.span.start <= now:
        raise Refused(Problem(Code.BAD_WINDOW, "Slot.start"))
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        slot = await _change(deps, conn, caller, command, now)
        await audit.add(
            conn,
            caller,
            Verb.CHANGE_SLOTS,
            placer=None,
            referral=None,
            what=f"Slot/{slot}",
            at=now,
            new_id=deps.new_id(),
        )
    return slot


async def _change(
    deps: Deps, conn: Conn, caller: Caller, command: ChangeSlot, now: datetime
) -> UUID:
    if command.slot is None:
        return await _post(deps, conn, caller, command.wanted, now)
    window = await windows.lock(conn, caller.tenant, command.slot)
    changed = _changed(window, command.wanted)
    moves = (changed.span, changed.opening is Opening.DROPPED) != (window.span, False)
    if moves and await windows.in_use(conn, caller.tenant, window.id):
        raise Refused(Problem(Code.WINDOW_IN_USE, "Slot"))
    await windows.change(conn, caller.tenant, changed, at=now)
    return window.id


async def _post(
    deps: Deps, conn: Conn, caller: Caller, wanted: WantedSlot | None, now: datetime
) -> UUID:
    slot = deps.new_id()
    if wanted is None or not await windows.post(conn, caller.tenant, wanted, at=now, new_id=slot):
        raise Refused(Problem(Code.REFERENCE_NOT_FOUND, "Slot.schedule"))
    return slot


def _changed(window: Window, wanted: WantedSlot | None) -> Window:
    if wanted is None:
        return msgspec.structs.replace(window, opening=Opening.DROPPED)
    if wanted.schedule != window.schedule:
        raise Refused(Problem(Code.REFERENCE_NOT_FOUND, "Slot.schedule"))
    return msgspec.structs.replace(
        window,
        start=wanted.span.start,
        end=wanted.span.end,
        busy_until=wanted.span.end + (window.busy_until - window.end),
        opening=wanted.opening,
    )
