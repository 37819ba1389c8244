"""What writing plain entries means, given what stands: which ids, versions, answers. Pure.

What it rests on (`Standing`) was read under the locks of its conditions and ids.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.model.json import Identity, Tree, members, text
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.parse.index import Indexed
from fhir_mappings.parse.references import Condition, rewrites, rewritten
from fhir_mappings.parse.referral import source_of
from fhir_mappings.parse.sameness import canonical, fingerprint
from fhir_mappings.parse.splice import authored
from fhir_mappings.parse.versions import version_of
from fhir_mappings.problems import Code, Problem, refuse_any
from service.store.resources import RECEIVED, Stored, Write, received

_CREATED: Final = 201
_KEPT: Final = 200
_GONE: Final = 204


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the work rests on: what the conditions meet, and what the ids named stand for."""

    placer_base: str
    matches: Mapping[Condition, tuple[Stored, ...]]
    targets: Mapping[Identity, Stored]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one entry: the HTTP status it earns, and the version that stands now.

    `stored` is None where a DELETE met nothing.
    """

    place: int
    status: int
    stored: Stored | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be written, what each entry is answered, and whose data change."""

    writes: tuple[Write, ...]
    done: tuple[Done, ...]
    patients: frozenset[str]


def plan(
    space: UUID,
    entries: Sequence[Entry],
    standing: Standing,
    *,
    new_ids: Mapping[int, str],
    base: str,
    at: datetime,
) -> Plan:
    """Say what is written and answered.

    `new_ids` are ids of ours by place, for entries that bring none; `base` is our public FHIR
    base.

    Raises:
        Refused: `reserved` where an id is one that the clinic made; `stale`, `version-form`;
            `condition-multiple`, `condition-none`, `reference-not-found`, `id-differs`,
            `duplicate-identity`.
    """
    chosen = _identities(entries, standing, new_ids)
    single = {key: met[0].identity for key, met in standing.matches.items() if len(met) == 1}
    reading, faults = rewrites(entries, chosen, single, base=base)
    refuse_any(faults)
    writes: list[Write] = []
    done: list[Done] = []
    patients: set[str] = set()
    for entry in entries:
        old = _standing_at(entry, chosen[entry.place], standing)
        at_place = _Place(
            space=space,
            identity=chosen[entry.place],
            reading=reading.get(entry.place, {}),
            address=source_of(entry, standing.placer_base),
        )
        write = _write(entry, old, at_place, at)
        if write is not None:
            writes.append(write)
            patients |= {write.indexed.patient_rid, old.patient_rid if old else ""}
            patients |= {write.identity.rid} if write.identity.rtype == "Patient" else set()
        done.append(_done(entry, old, write, space, at))
    return Plan(writes=tuple(writes), done=tuple(done), patients=frozenset(patients - {""}))


def _identities(
    entries: Sequence[Entry], standing: Standing, new_ids: Mapping[int, str]
) -> dict[int, Identity]:
    """Say which identity each entry has here.

    Raises:
        Refused: `condition-multiple`, `id-differs`, `reserved`, `stale`; all at once.
    """
    found: dict[int, Identity] = {}
    problems: list[Problem] = []
    for entry in entries:
        met = _met(entry, standing)
        if len(met) > 1:
            problems.append(Problem(Code.CONDITION_MULTIPLE, entry.at))
        found[entry.place] = _identity(entry, met, new_ids)
        problems += _refusals(entry, met, _standing_at(entry, found[entry.place], standing))
    refuse_any([*problems, *_twice(entries, found)])
    return found


def _twice(entries: Sequence[Entry], chosen: Mapping[int, Identity]) -> Iterator[Problem]:
    """Find entries that would be one resource: by its id, or by a condition that made no match.

    Source: FHIR R4 http.html#transaction: identities must not overlap.
    """
    of_identity = Counter(chosen.values())
    of_condition = Counter((one.rtype, one.condition) for one in entries if one.condition)
    for entry in entries:
        asked = of_condition[entry.rtype, entry.condition] if entry.condition else 0
        if of_identity[chosen[entry.place]] > 1 or asked > 1:
            yield Problem(Code.DUPLICATE_IDENTITY, f"Bundle.entry[{entry.place}]")


def named(entry: Entry) -> Identity | None:
    """Return the id that an entry names itself: in its address, or in a conditional PUT's body."""
    own = text(entry.tree, "id") if entry.method is Method.PUT else ""
    rid = entry.rid or own
    return Identity(rtype=entry.rtype, rid=rid) if rid else None


def _met(entry: Entry, standing: Standing) -> tuple[Stored, ...]:
    if not entry.condition:
        return ()
    return standing.matches[Condition(rtype=entry.rtype, query=entry.condition)]


def _identity(entry: Entry, met: Sequence[Stored], new_ids: Mapping[int, str]) -> Identity:
    if met:
        return met[0].identity
    return named(entry) or Identity(rtype=entry.rtype, rid=new_ids[entry.place])


def _refusals(entry: Entry, met: Sequence[Stored], old: Stored | None) -> Iterator[Problem]:
    if (
        entry.method is Method.PUT
        and met
        and text(entry.tree, "id") not in {"", met[0].identity.rid}
    ):
        yield Problem(Code.ID_DIFFERS, f"{entry.at}.id")
    if old and old.origin != RECEIVED and entry.method is not Method.POST:
        yield Problem(Code.RESERVED, entry.at)
    if entry.if_match:
        expected = version_of(entry.if_match)
        if expected is None:
            yield Problem(Code.VERSION_FORM, f"Bundle.entry[{entry.place}].request.ifMatch")
        elif old is None or old.version != expected:
            yield Problem(Code.STALE, entry.at)


def _standing_at(entry: Entry, identity: Identity, standing: Standing) -> Stored | None:
    met = _met(entry, standing)
    return met[0] if met else standing.targets.get(identity)


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an entry's resource stands: here, and at the placer; and what its references become."""

    space: UUID
    identity: Identity
    reading: Mapping[str, str]
    address: str


def _write(entry: Entry, old: Stored | None, place: _Place, at: datetime) -> Write | None:
    """Return the new version of an entry, or None where nothing is written."""
    if entry.method is Method.DELETE:
        return None if old is None or old.deleted else _deletion(old, at)
    if entry.method is Method.POST and old is not None:
        return None  # If-None-Exist matched: what was sent is ignored
    tree = members(rewritten(entry.tree, place.reading))
    if old is not None and not old.deleted and _same(tree, old.tree):
        return None
    return received(
        place.space,
        entry,
        place.identity,
        version=old.version + 1 if old else 1,
        reading=place.reading,
        said=fingerprint(tree, str),
        at=at,
        address=place.address,
    )


def _same(tree: Tree, standing: Tree) -> bool:
    """Say whether two versions are one but for `meta` (PROTOCOL §2.1)."""
    served: Tree = {**tree, "id": standing["id"], "meta": standing["meta"]}
    return canonical(served) == canonical(standing)


def _deletion(old: Stored, at: datetime) -> Write:
    """Return the version that says a resource is gone: who it was and when, nothing it said."""
    nothing: Tree = {"resourceType": old.identity.rtype}
    gone = authored(nothing, rid=old.identity.rid, version=old.version + 1, at=at)
    return Write(
        identity=old.identity,
        version=old.version + 1,
        text=gone,
        origin=old.origin,
        digest=hashlib.sha256(gone.encode()).digest(),
        fingerprint=fingerprint(nothing, str),
        indexed=Indexed(),
        deleted=True,
    )


def _done(entry: Entry, old: Stored | None, write: Write | None, space: UUID, at: datetime) -> Done:
    if entry.method is Method.DELETE:
        return Done(place=entry.place, status=_GONE, stored=_as_stored(write, space, at) or old)
    new = _as_stored(write, space, at)
    created = new is not None and (old is None or old.deleted)
    return Done(place=entry.place, status=_CREATED if created else _KEPT, stored=new or old)


def _as_stored(write: Write | None, space: UUID, at: datetime) -> Stored | None:
    if write is None:
        return None
    return Stored(
        identity=write.identity,
        space=space,
        version=write.version,
        text=write.text,
        origin=write.origin,
        fingerprint=write.fingerprint,
        updated_at=at,
        deleted=write.deleted,
        referral=write.referral,
        patient_rid=write.indexed.patient_rid,
    )


def told(writes: Sequence[Write]) -> str:
    """Say for the audit what was written, by type: a placer's own id may be a patient's number."""
    said = sorted(
        f"{'delete' if one.deleted else 'create' if one.version == 1 else 'update'} "
        f"{one.identity.rtype}"
        for one in writes
    )
    return ", ".join(dict.fromkeys(said))
