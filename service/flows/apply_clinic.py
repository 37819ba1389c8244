"""Set a clinic up, or change it, from one file: resources, people, schedules, windows."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from fhir_mappings.model.caller import NIL_SPACE, Verb, service_caller
from fhir_mappings.model.clinic import Clinic, Part
from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.window import Schedule, Window
from fhir_mappings.parse import clinic as file
from fhir_mappings.parse import guard
from fhir_mappings.parse.resource import judge_bundle
from fhir_mappings.problems import refuse_any
from service.deps import Deps
from service.store import audit, clinics, resources, schedules, windows
from service.store.clinics import Tenant
from service.store.pool import Conn
from service.store.transaction import EVERY_PLACER, lock_key, retried, transaction


class ApplyClinic(msgspec.Struct, frozen=True, kw_only=True):
    """The clinic's file: a transaction Bundle of PUTs (ex 18)."""

    body: bytes


class Turn(StrEnum):
    """What applying did to one part of the clinic."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report: what happened to which resource or person."""

    turn: Turn
    what: str


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What applying did to the future windows of one Schedule.

    `listed` no longer fit, but an Appointment lives on them: a person must see to each.
    """

    schedule: str
    kept: int
    opened: int
    dropped: int
    listed: tuple[Window, ...]


class ClinicApplied(msgspec.Struct, frozen=True, kw_only=True):
    """The clinic as it stands, and what this file changed."""

    tenant: Tenant
    applied: tuple[Applied, ...]
    windows: tuple[Opened, ...]


@retried
async def apply_clinic(deps: Deps, command: ApplyClinic) -> ClinicApplied:
    """Make the clinic what its file says; the same file again changes nothing.

    The one flow without a caller: `deps.pool` is the owner's, who alone may write tenants and
    people, and the tenant may not exist yet. What the file leaves out stays as it is: a person
    who left is set inactive, not left out.

    Raises:
        Refused: what the guard and the schema say; `bundle-type`, `clinic-form`.
    """
    now = deps.now()
    tree = guard.read(command.body)
    refuse_any(judge_bundle(tree, deps.shape))
    said = file.clinic(tree)
    fresh = Tenant(id=deps.new_id(), name=said.name, zone=said.zone, organization=said.organization)
    locks = [lock_key("clinic", said.organization)]
    async with transaction(deps.pool, tenant=fresh.id, placer=EVERY_PLACER, locks=locks) as conn:
        tenant, turn = await _apply_tenant(conn, fresh, now)
        applied = [Applied(turn=turn, what=f"clinic {tenant.name}")]
        applied += await _apply_parts(conn, tenant.id, said.parts, now)
        applied += await _apply_people(deps, conn, tenant.id, said, now)
        opened = [await _open(deps, conn, tenant.id, one, now) for one in said.schedules]
        await audit.add(
            conn,
            service_caller(tenant.id, tenant.zone),
            Verb.CHANGE_CLINIC,
            placer=None,
            referral=None,
            what="clinic applied",
            at=now,
            new_id=deps.new_id(),
        )
    return ClinicApplied(tenant=tenant, applied=tuple(applied), windows=tuple(opened))


async def _apply_tenant(conn: Conn, fresh: Tenant, now: datetime) -> tuple[Tenant, Turn]:
    standing = await clinics.of_organization(conn, fresh.organization)
    tenant = msgspec.structs.replace(fresh, id=standing.id) if standing else fresh
    if tenant != standing:
        await clinics.write(conn, tenant, at=now)
    return tenant, _turn(standing, tenant)


async def _apply_parts(
    conn: Conn, tenant: UUID, parts: tuple[Part, ...], now: datetime
) -> list[Applied]:
    found = await resources.find_many(conn, tenant, NIL_SPACE, [one.identity for one in parts])
    standing = {identity: _bare(one.tree) for identity, one in found.items() if not one.deleted}
    turns = {one.identity: _turn(standing.get(one.identity), one.tree) for one in parts}
    trees = [(one.identity, one.tree) for one in parts if turns[one.identity] is not Turn.SAME]
    await resources.make(
        conn, tenant, NIL_SPACE, trees, at=now, referral=None, origin=resources.RECEIVED
    )
    return [_line(identity, turn) for identity, turn in turns.items()]


async def _apply_people(
    deps: Deps, conn: Conn, tenant: UUID, said: Clinic, now: datetime
) -> list[Applied]:
    known = {one.practitioner for one in await clinics.people(conn, tenant)}
    applied: list[Applied] = []
    for person in said.people:
        written = await clinics.write_person(conn, tenant, person, at=now, new_id=deps.new_id())
        new = Turn.CHANGED if person.practitioner in known else Turn.NEW
        roles = ", ".join(sorted(role.value for role in person.roles)) or "no role"
        what = f"person {person.name or person.practitioner}: {roles}"
        applied.append(Applied(turn=new if written else Turn.SAME, what=what))
    return applied


async def _open(deps: Deps, conn: Conn, tenant: UUID, schedule: Schedule, now: datetime) -> Opened:
    await schedules.write(conn, tenant, schedule)
    change = await windows.cut_again(conn, tenant, schedule, at=now, new_id=deps.new_id)
    return Opened(
        schedule=schedule.rid,
        kept=len(change.keep),
        opened=len(change.open) + len(change.reopen),
        dropped=len(change.drop),
        listed=change.listed,
    )


def _line(identity: Identity, turn: Turn) -> Applied:
    return Applied(turn=turn, what=str(identity))


def _turn(standing: object, said: object) -> Turn:
    if standing is None:
        return Turn.NEW
    return Turn.SAME if standing == said else Turn.CHANGED


def _bare(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if name not in {"id", "meta"}}
