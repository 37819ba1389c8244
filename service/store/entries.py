"""What the entries of a message write, and what each is answered."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from fhir_mappings.model.caller import NIL_SPACE
from fhir_mappings.model.json import Identity
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.parse.identities import Known, condition_of
from fhir_mappings.parse.nested import BOXES
from fhir_mappings.parse.references import identity_of
from fhir_mappings.parse.taking import Read
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.transaction_response import Done
from service.store import resources
from service.store.pool import Conn
from service.store.resources import MADE, Stored, Write


def is_new(read: Read, known: Known, identity: Identity) -> bool:
    """Tell whether an identity was made for this message: nothing can stand under it yet."""
    return identity in read.fresh and identity not in known.by_identity()


def named(read: Read, known: Known) -> list[Identity]:
    """Return the identities of the message that others may write at this moment."""
    return [
        identity
        for entry in read.entries
        if not is_new(read, known, identity := read.identities[entry.place])
        and not only_to_exist(entry, known)
    ]


async def standing(
    conn: Conn, tenant: UUID, space: UUID, read: Read, known: Known
) -> dict[Identity, Stored]:
    """Return what stands under the identities of the entries, deleted ones too."""
    may_stand = [one for one in read.identities.values() if not is_new(read, known, one)]
    return await resources.find_many(conn, tenant, space, may_stand) if may_stand else {}


async def unread(conn: Conn, tenant: UUID, space: UUID, read: Read) -> tuple[str, ...]:
    """Return where the message names what stands neither in it, nor here (DECISIONS 20).

    What the clinic's own space holds counts as here.
    """
    outside = read.outside()
    wanted = {target: identity_of(target) for target, _ in outside}
    local = [one for one in wanted.values() if one]
    known: set[Identity] = set()
    for place in (space, NIL_SPACE) if local else ():
        found = await resources.find_many(conn, tenant, place, local)
        known |= {identity for identity, one in found.items() if not one.deleted}
    return tuple(at for target, at in outside if wanted[target] not in known)


def writes(
    read: Read,
    known: Known,
    stands: Mapping[Identity, Stored],
    *,
    space: UUID,
    referral: UUID,
    at: datetime,
) -> tuple[list[Write], tuple[Done, ...]]:
    """Say what each entry writes, and what it is answered, in the order of the entries.

    The coordination Task is answered but not written: the flow writes it as it then stands.

    Raises:
        Refused: `reserved` where a PUT names an id that we made.
    """
    written: list[Write] = []
    done: list[Done] = []
    for entry in read.entries:
        write = _write(read, known, entry, stands, space=space, referral=referral, at=at)
        if write is None:
            done.append(done_standing(read, entry, stands))
            continue
        if entry is not read.asked.task:
            written.append(write)
        done.append(
            Done(
                identity=write.identity,
                version=write.version,
                at=at,
                created=write.version == 1,
            )
        )
    return written, tuple(done)


def done_standing(read: Read, entry: Entry, stands: Mapping[Identity, Stored]) -> Done:
    """Answer an entry that wrote nothing: where the resource stands.

    Raises:
        Refused: `stale` where there is none: the referral changed while the message was read.
    """
    identity = read.identities[entry.place]
    here = stands.get(identity)
    if here is None:
        raise Refused(Problem(Code.STALE, f"Bundle.entry[{entry.place}]"))
    first = entry is read.asked.task
    return Done(
        identity=identity,
        version=1 if first else here.version,
        at=here.updated_at,
        created=False,
    )


def _write(
    read: Read,
    known: Known,
    entry: Entry,
    stands: Mapping[Identity, Stored],
    *,
    space: UUID,
    referral: UUID,
    at: datetime,
) -> Write | None:
    """Return an entry's write; None where what stands is met by it or says the same."""
    identity = read.identities[entry.place]
    here = stands.get(identity)
    if here is not None and not here.deleted:
        if only_to_exist(entry, known) or here.fingerprint == read.said[entry.place]:
            return None
        if here.origin == MADE and entry is not read.asked.task:
            raise Refused(Problem(Code.RESERVED, f"Bundle.entry[{entry.place}].request.url"))
    write = resources.received(
        space,
        entry,
        identity,
        version=here.version + 1 if here else 1,
        reading=read.reading.get(entry.place, {}),
        said=read.said[entry.place],
        at=at,
        referral=referral,
        address=read.sources[entry.place],
    )
    return resources.holding_data_of(write, read.patient.rid) if entry.rtype in BOXES else write


def only_to_exist(entry: Entry, known: Known) -> bool:
    """Tell whether a conditional create met its resource: then the post is ignored [R4]."""
    condition = condition_of(entry)
    return entry.method is Method.POST and condition is not None and bool(known.met.get(condition))
