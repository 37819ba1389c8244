"""Change the clinic's own resources, and cut its windows anew where that changes them."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from fhir_mappings.decide.access import allow, may
from fhir_mappings.model.caller import NIL_SPACE, Caller, Verb
from fhir_mappings.model.json import Identity, Tree, decode
from fhir_mappings.model.window import Window
from fhir_mappings.parse import clinic
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.schedule import schedules as read_schedules
from fhir_mappings.problems import Code, Problem, refuse_any
from service.deps import Deps
from service.store import audit, plans, resources, schedules, windows
from service.store.plans import Done, Plan, Standing
from service.store.pool import Conn
from service.store.transaction import lock_key, retried, transaction


class OpenWindows(msgspec.Struct, frozen=True, kw_only=True):
    """Writes of the clinic's resources, all or none; each was judged as R4 before."""

    entries: tuple[Entry, ...]


class WindowsOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each entry, in order; `listed` no longer fit and carry an Appointment."""

    done: tuple[Done, ...]
    listed: tuple[Window, ...]


@retried
async def open_windows(deps: Deps, caller: Caller, command: OpenWindows) -> WindowsOpened:
    """Store what an operator or scheduler says of the clinic; windows that still fit stay.

    Rights are not touched here: what a person may do comes from the owner's file alone.

    Raises:
        Refused: `role` for what is not this caller's to change; `clinic-form` where a Schedule
            could not be cut any more; `stale`, `reference-not-found`, `id-differs`.
    """
    allow(caller, Verb.CHANGE_SCHEDULE)
    refuse_any(Problem(Code.NOT_SUPPORTED, one.at) for one in command.entries if one.condition)
    at = deps.now()
    locks = [lock_key("clinic", str(caller.tenant))]
    async with transaction(
        deps.pool, tenant=caller.tenant, placer=caller.reach, locks=locks
    ) as conn:
        before = await _standing(conn, caller)
        planned = await _planned(deps, conn, caller, command.entries, at)
        after = before | {str(one.identity): decode(one.text) for one in planned.writes}
        refuse_any(_beyond(caller, before, after, planned))
        await resources.write(conn, caller.tenant, NIL_SPACE, planned.writes, at=at)
        listed = await _cut(deps, conn, caller, before, after, at)
        if planned.writes:
            await audit.add(
                conn,
                caller,
                Verb.CHANGE_SCHEDULE,
                placer=None,
                referral=None,
                what=" ".join(str(one.identity) for one in planned.writes),
                at=at,
                new_id=deps.new_id(),
            )
    return WindowsOpened(done=planned.done, listed=listed)


async def _standing(conn: Conn, caller: Caller) -> dict[str, Tree]:
    found = await resources.of_clinic(conn, caller.tenant, clinic.TYPES)
    return {str(one.identity): one.tree for one in found}


async def _planned(
    deps: Deps, conn: Conn, caller: Caller, entries: tuple[Entry, ...], at: datetime
) -> Plan:
    named = [Identity(rtype=one.rtype, rid=one.rid) for one in entries if one.rid]
    targets = await resources.find_many(conn, caller.tenant, NIL_SPACE, named)
    return plans.plan(
        NIL_SPACE,
        entries,
        Standing(placer_base="", matches={}, targets=targets),
        new_ids={one.place: str(deps.new_id()) for one in entries},
        base=deps.settings.fhir_base,
        at=at,
    )


def _beyond(
    caller: Caller, before: Mapping[str, Tree], after: Mapping[str, Tree], planned: Plan
) -> list[Problem]:
    """Name what these writes change that is not this caller's to change."""
    problems: list[Problem] = []
    for write in planned.writes:
        name = str(write.identity)
        problems += clinic.rights_touched(before.get(name), after[name])
        if not may(caller, Verb.CHANGE_CLINIC):
            problems += clinic.beyond_scheduler(before.get(name), after[name])
    return problems


async def _cut(
    deps: Deps,
    conn: Conn,
    caller: Caller,
    before: Mapping[str, Tree],
    after: Mapping[str, Tree],
    at: datetime,
) -> tuple[Window, ...]:
    standing = read_schedules(before)
    listed: list[Window] = []
    for schedule in read_schedules(after):
        if schedule in standing:
            continue
        await schedules.write(conn, caller.tenant, schedule)
        change = await windows.cut_again(conn, caller.tenant, schedule, at=at, new_id=deps.new_id)
        listed += change.listed
    return tuple(listed)
