"""Resources as a space holds them: the text that is served, its version, its history.

A space is a placer's id, or the nil UUID for the clinic's own. Every write keeps the older
version in `resource_history`, in the same statement.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.caller import NIL_SPACE
from fhir_mappings.model.json import Held, Identity, Tree, decode, members
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.index import Indexed, index
from fhir_mappings.parse.references import rewritten
from fhir_mappings.parse.splice import authored, splice
from fhir_mappings.problems import Code, Problem, Refused
from service.store.pool import Conn
from service.store.statements import sql

RECEIVED: Final = "received"
MADE: Final = "made"
_UNIT: Final = "\x1f"
"""Joins a ragged list into one text; the guard refuses it in input."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a resource; `text` is what is served.

    `address` is where it stands at the placer's own server, as far as its message told.
    """

    identity: Identity
    space: UUID
    version: int
    text: str
    origin: str
    fingerprint: bytes
    updated_at: datetime
    deleted: bool
    referral: UUID | None
    patient_rid: str = ""
    address: str = ""

    @property
    def tree(self) -> Tree:
        """Parse the text; decimals keep their digits."""
        return decode(self.text)

    @property
    def held(self) -> Held:
        """Return what a screening reads of it."""
        return Held(identity=self.identity, version=self.version, tree=self.tree)


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One new version to store.

    `version` is the number it gets: the one in `text`. `digest` is of the bytes as received.
    """

    identity: Identity
    version: int
    text: str
    origin: str
    digest: bytes
    fingerprint: bytes
    indexed: Indexed
    referral: UUID | None = None
    deleted: bool = False
    address: str = ""


def made(
    space: UUID,
    identity: Identity,
    tree: Tree,
    *,
    version: int,
    at: datetime,
    referral: UUID | None,
) -> Write:
    """Return the write of a resource that we authored; its tree has no id and no version."""
    text = authored(tree, rid=identity.rid, version=version, at=at)
    digest = hashlib.sha256(text.encode()).digest()
    return Write(
        identity=identity,
        version=version,
        text=text,
        origin=MADE,
        digest=digest,
        fingerprint=digest,  # sameness is asked of what others send
        indexed=index(tree, space=space),
        referral=referral,
    )


def received(
    space: UUID,
    entry: Entry,
    identity: Identity,
    *,
    version: int,
    reading: Mapping[str, str],
    said: bytes,
    at: datetime,
    referral: UUID | None = None,
    address: str = "",
) -> Write:
    """Return the write of a resource as it came: its own bytes with the splice of DECISIONS 19.

    `reading` says what its references become, `said` is its fingerprint, `address` where it
    stands at the placer.
    """
    tree = members(rewritten(entry.tree, reading))
    return Write(
        identity=identity,
        version=version,
        text=splice(
            entry.raw.decode(), rid=identity.rid, version=version, at=at, references=reading
        ),
        origin=RECEIVED,
        digest=hashlib.sha256(entry.raw).digest(),
        fingerprint=said,
        indexed=index(tree, space=space),
        referral=referral,
        address=address,
    )


def holding_data_of(write: Write, patient_rid: str) -> Write:
    """Return the write of a Bundle as one about the Patient whose data it holds."""
    if write.indexed.patient_rid:
        return write
    indexed = msgspec.structs.replace(write.indexed, patient_rid=patient_rid)
    return msgspec.structs.replace(write, indexed=indexed)


async def find(conn: Conn, tenant: UUID, space: UUID, identity: Identity) -> Stored | None:
    """Return the newest version, also a deleted one, or None where there never was one."""
    row = await conn.fetchrow(sql("find_resource"), tenant, space, identity.rtype, identity.rid)
    return stored(row) if row else None


async def lock(conn: Conn, tenant: UUID, space: UUID, identity: Identity) -> Stored:
    """Return the newest version and keep others from replacing it until the commit.

    Raises:
        Refused: `not-found` where there is none, or it was deleted.
    """
    row = await conn.fetchrow(sql("lock_resource"), tenant, space, identity.rtype, identity.rid)
    if row is None or row["deleted"]:
        raise Refused(Problem(Code.NOT_FOUND, context=identity.rtype))
    return stored(row)


async def find_many(
    conn: Conn, tenant: UUID, space: UUID, identities: Iterable[Identity]
) -> dict[Identity, Stored]:
    """Return the newest versions of those that exist, deleted ones too."""
    wanted = list(dict.fromkeys(identities))
    rows = await conn.fetch(
        sql("find_resources"),
        tenant,
        space,
        [one.rtype for one in wanted],
        [one.rid for one in wanted],
    )
    return {one.identity: one for one in map(stored, rows)}


async def see(
    conn: Conn, tenant: UUID, identity: Identity, *, placer: UUID | None = None
) -> list[Stored]:
    """Return the newest version in each space that the caller sees, the clinic's own last.

    `placer` narrows the placers' spaces to one: staff see all of them.
    """
    rows = await conn.fetch(sql("see_resource"), tenant, identity.rtype, identity.rid, placer)
    return [stored(row) for row in rows]


async def see_one(
    conn: Conn, tenant: UUID, identity: Identity, *, placer: UUID | None = None
) -> Stored:
    """Return the one resource of this id that a caller means, also a deleted one.

    A placer's own space comes before the clinic's.

    Raises:
        Refused: `not-found`; `which-placer` where two placers use the id and none is named.
    """
    seen = await see(conn, tenant, identity, placer=placer)
    if not seen:
        raise Refused(Problem(Code.NOT_FOUND))
    if sum(one.space != NIL_SPACE for one in seen) > 1:
        raise Refused(Problem(Code.WHICH_PLACER))
    return seen[0]


async def older(
    conn: Conn,
    standing: Stored,
    tenant: UUID,
    *,
    version: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Stored]:
    """Return replaced versions of a resource, newest first: one by number, or those before one."""
    identity = standing.identity
    rows = await conn.fetch(
        sql("versions_of"),
        tenant,
        standing.space,
        identity.rtype,
        identity.rid,
        version,
        before,
        limit,
    )
    return [stored(row) for row in rows]


async def of_patient(conn: Conn, tenant: UUID, space: UUID, patient_rid: str) -> list[Stored]:
    """Return every living resource about this patient, the Patient, and what they refer to."""
    rows = await conn.fetch(sql("resources_of_patient"), tenant, space, patient_rid)
    return [stored(row) for row in rows]


async def of_clinic(conn: Conn, tenant: UUID, types: Iterable[str]) -> list[Stored]:
    """Return the living resources of some types in the clinic's own space."""
    rows = await conn.fetch(sql("resources_of_clinic"), tenant, sorted(types))
    return [stored(row) for row in rows]


async def of_referral(conn: Conn, tenant: UUID, referral: UUID, rtype: str) -> list[Stored]:
    """Return the living resources of one type that belong to a referral, oldest id first."""
    rows = await conn.fetch(sql("resources_of_referral"), tenant, referral, rtype)
    return [stored(row) for row in rows]


async def of_referrals(
    conn: Conn, tenant: UUID, referrals: Sequence[UUID], rtypes: Sequence[str]
) -> list[Stored]:
    """Return the living resources of some types that came with any of these referrals."""
    rows = await conn.fetch(sql("resources_of_referrals"), tenant, list(referrals), list(rtypes))
    return [stored(row) for row in rows]


async def write(
    conn: Conn, tenant: UUID, space: UUID, writes: Sequence[Write], *, at: datetime
) -> None:
    """Store new versions; each replaces exactly the version before its own.

    Raises:
        Refused: `stale` where a resource is not at the version that a write expects.
    """
    if not writes:
        return
    written = await conn.fetchval(sql("write_resources"), tenant, space, at, *columns(writes))
    if written != len(writes):
        raise Refused(Problem(Code.STALE))


async def make(
    conn: Conn,
    tenant: UUID,
    space: UUID,
    trees: Sequence[tuple[Identity, Tree]],
    *,
    at: datetime,
    referral: UUID | None,
    origin: str = MADE,
) -> list[Write]:
    """Store resources that we authored, each as the next version of its id.

    `origin` is `RECEIVED` where they are somebody's file and not ours to make.
    """
    standing = await find_many(conn, tenant, space, [identity for identity, _ in trees])
    writes = [
        made(
            space,
            identity,
            tree,
            version=standing[identity].version + 1 if identity in standing else 1,
            at=at,
            referral=referral,
        )
        for identity, tree in trees
    ]
    writes = [msgspec.structs.replace(one, origin=origin) for one in writes]
    await write(conn, tenant, space, writes, at=at)
    return writes


def columns(writes: Sequence[Write]) -> list[list[object]]:
    """Return the writes as the parallel arrays of `write_resources` and `receive_referral`."""
    return [
        [one.identity.rtype for one in writes],
        [one.identity.rid for one in writes],
        [one.version for one in writes],
        [one.origin for one in writes],
        [one.text for one in writes],
        [one.digest for one in writes],
        [one.fingerprint for one in writes],
        [_UNIT.join(one.indexed.tokens) for one in writes],
        [_UNIT.join(one.indexed.refs) for one in writes],
        [one.indexed.patient_rid for one in writes],
        [one.indexed.at_from for one in writes],
        [one.indexed.at_to for one in writes],
        [one.referral for one in writes],
        [one.deleted for one in writes],
        [one.address for one in writes],
    ]


def stored(row: Record) -> Stored:
    """Read a row as every statement on `resource` gives it."""
    return Stored(
        identity=Identity(rtype=row["rtype"], rid=row["rid"]),
        space=row["space"],
        version=row["vid"],
        text=row["body"],
        origin=row["origin"],
        fingerprint=row["fingerprint"],
        updated_at=row["updated_at"],
        deleted=row["deleted"],
        referral=row["referral"],
        patient_rid=row["patient_rid"],
        address=row["address"],
    )
