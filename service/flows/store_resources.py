"""Store plain resources, one or a transaction of them, and have the patient rescreened.

What means more than itself (an order, a Task, an answer, a visit) has a flow of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.query import Query
from fhir_mappings.parse import conditions
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.index import reference_token
from fhir_mappings.parse.references import Condition
from fhir_mappings.parse.references import conditions as conditions_of
from fhir_mappings.problems import Code, Kind, Problem, Refused
from fhir_mappings.terms import search_parameters
from fhir_mappings.terms.search_parameters import TABLE
from service.deps import Deps
from service.store import audit, locks, outbox, placers, plans, referrals, resources, search
from service.store.plans import Done, Plan, Standing, told
from service.store.pool import Conn
from service.store.refused import Again
from service.store.resources import Stored, Write
from service.store.transaction import retried, transaction

__all__ = ["Done", "StoreResources", "store_resources"]

_NEIGHBOURS: Final = frozenset({"Medication"})
"""Types that are about no patient and carry facts for those who refer to them."""

_MOST_REFERRING: Final = 1_000


class StoreResources(msgspec.Struct, frozen=True, kw_only=True):
    """Entries to store, all or none; each was judged as R4 before, alone or in its Bundle."""

    entries: tuple[Entry, ...]


@retried
async def store_resources(deps: Deps, caller: Caller, command: StoreResources) -> tuple[Done, ...]:
    """Create, update and delete plain resources of a placer, in one transaction.

    The answers come in the order of the entries. A patient's living referrals are rescreened.

    Raises:
        Refused: `role`; `reserved` where an id is one that the clinic made; `stale` where a
            version differs; `condition-multiple`, `condition-none`, `reference-not-found`,
            `id-differs`.
    """
    allow(caller, Verb.STORE_RESOURCES)
    space = _space(caller)
    at = deps.now()
    new_ids = {one.place: str(deps.new_id()) for one in command.entries}
    keys = _locks(caller.tenant, space, command.entries)
    async with transaction(
        deps.pool, tenant=caller.tenant, placer=caller.reach, locks=keys
    ) as conn:
        standing = await _read(conn, caller.tenant, space, command.entries)
        base = deps.settings.fhir_base
        planned = plans.plan(space, command.entries, standing, new_ids=new_ids, base=base, at=at)
        # a patient's lock comes last, as in `receive_referral`: both orders would deadlock
        of_patients = [locks.of_patient(caller.tenant, space, one) for one in planned.patients]
        await locks.take(conn, of_patients)
        await _rescreen(deps, conn, caller, planned, at=at)
        await _write(conn, caller.tenant, space, planned, at=at)
        if planned.writes:
            await audit.add(
                conn,
                caller,
                Verb.STORE_RESOURCES,
                placer=space,
                referral=None,
                what=told(planned.writes),
                at=at,
                new_id=deps.new_id(),
            )
    deps.wake()
    return planned.done


def _space(caller: Caller) -> UUID:
    if caller.placer is None:
        raise Refused(Problem(Code.ROLE, context=Verb.STORE_RESOURCES.value))
    return caller.placer


async def _read(conn: Conn, tenant: UUID, space: UUID, entries: Sequence[Entry]) -> Standing:
    matches = {one: await _matching(conn, one, space) for one in sorted(conditions_of(entries))}
    named = {one for entry in entries if (one := plans.named(entry))}
    targets = await resources.find_many(conn, tenant, space, sorted(named)) if named else {}
    placer = await placers.find(conn, tenant, space)
    return Standing(placer_base=placer.base, matches=matches, targets=targets)


async def _matching(conn: Conn, condition: Condition, space: UUID) -> tuple[Stored, ...]:
    """Return up to two matches: more than one is as bad as many."""
    query = Query(rtype=condition.rtype, each=conditions.tokens(condition, space))
    return tuple(await search.search(conn, query, spaces=[space], limit=2))


def _locks(tenant: UUID, space: UUID, entries: Sequence[Entry]) -> list[int]:
    named = {one for entry in entries if (one := plans.named(entry))}
    return [
        *(
            locks.of_token(tenant, space, token)
            for one in conditions_of(entries)
            for token in conditions.tokens(one, space)
        ),
        *(locks.of_identity(tenant, space, one) for one in named),
    ]


async def _write(conn: Conn, tenant: UUID, space: UUID, planned: Plan, *, at: datetime) -> None:
    """Write the plan; another who wrote a resource that only a condition named makes us read again.

    Raises:
        Again: a version that was read is no longer the newest.
    """
    try:
        await resources.write(conn, tenant, space, planned.writes, at=at)
    except Refused as overtaken:
        if overtaken.kind is not Kind.STALE:
            raise
        raise Again from overtaken


async def _rescreen(deps: Deps, conn: Conn, caller: Caller, planned: Plan, *, at: datetime) -> None:
    """Lock each referral of the patients whose data change, and ask for a new screening."""
    space = _space(caller)
    patients = {*planned.patients, *await _referring(conn, space, planned.writes)}
    affected = {
        referral
        for patient in sorted(patients)
        for referral in await referrals.living_of_patient(conn, caller.tenant, space, patient)
    }
    for referral in sorted(affected):
        case = await referrals.lock(conn, caller.tenant, referral=referral)
        await outbox.rescreen(conn, case, at=at, new_id=deps.new_id())


async def _referring(conn: Conn, space: UUID, writes: Iterable[Write]) -> set[str]:
    """Return the patients of whom a resource refers to one that changes: a Medication, say."""
    found: set[str] = set()
    for write in writes:
        if write.identity.rtype not in _NEIGHBOURS:
            continue
        for query in _referring_queries(write.identity, space):
            met = await search.search(conn, query, spaces=[space], limit=_MOST_REFERRING)
            found |= {one.patient_rid for one in met}
    return found - {""}


def _referring_queries(target: Identity, space: UUID) -> Iterator[Query]:
    """Ask for every type that may refer to this one and is about a patient."""
    for rtype, parameters in TABLE.items():
        if "patient" not in parameters:
            continue
        tokens = tuple(
            reference_token(rtype, name, space, str(target))
            for name, one in parameters.items()
            if one.kind is search_parameters.Kind.REFERENCE and target.rtype in one.targets
        )
        if tokens:
            yield Query(rtype=rtype, any_of=(tokens,))
