"""What an intake reads before it decides, and the one statement that writes a new referral."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.finding import Screening
from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Systems
from fhir_mappings.model.referral import Case, Channel
from fhir_mappings.parse import conditions
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.identities import Known, Match
from fhir_mappings.parse.references import conditions as conditions_of
from fhir_mappings.parse.referral import person_keys
from service.store import locks, resources
from service.store.pool import Conn
from service.store.resources import Write
from service.store.screenings import encoded
from service.store.statements import sql

_UNIT = "\x1f"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One question of `matches`: which living resources of a type carry all of these tokens?"""

    rtype: str
    tokens: tuple[str, ...]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `message`: which bytes came by which road; they are kept as resources."""

    id: UUID
    channel: Channel
    digest: bytes
    size: int


async def look(
    conn: Conn, tenant: UUID, space: UUID, entries: Sequence[Entry], registered: Systems
) -> Known:
    """Find what a message's conditions and persons meet in a space.

    What meets nothing may be made by this message: it is claimed before it is asked for (again),
    so that of two messages that bring the same person at once the second one sees the first
    one's. Where another claimed it and was rolled back, the statement fails as `Again`.

    Raises:
        Refused: `unknown-parameter`, `parameter-value` for a condition that is not offered.
    """
    asked = _Asked(entries, space, registered)
    return asked.known(await _met_or_claimed(conn, tenant, space, asked.questions))


async def glance(conn: Conn, space: UUID, entries: Sequence[Entry], registered: Systems) -> Known:
    """Find the same for somebody who will write nothing: nothing is claimed, nobody waits."""
    asked = _Asked(entries, space, registered)
    return asked.known(await matches(conn, space, asked.questions))


class _Asked:
    """What a message's conditions and persons ask of a space."""

    def __init__(self, entries: Sequence[Entry], space: UUID, registered: Systems) -> None:
        self._conditions = sorted(conditions_of(entries))
        self._people = {one.place: (one.rtype, person_keys(one, registered)) for one in entries}
        self.questions = [
            Wanted(rtype=one.rtype, tokens=conditions.tokens(one, space))
            for one in self._conditions
        ] + [
            Wanted(rtype=rtype, tokens=conditions.identifiers(rtype, [key]))
            for rtype, keys in self._people.values()
            for key in keys
        ]

    def known(self, found: Sequence[tuple[Match, ...]]) -> Known:
        """Sort the answers, which come in the order of the questions."""
        rest = iter(found[len(self._conditions) :])
        return Known(
            met=dict(zip(self._conditions, found, strict=False)),
            persons={
                place: _union(next(rest) for _ in keys) for place, (_, keys) in self._people.items()
            },
        )


def _union(found: Iterable[tuple[Match, ...]]) -> tuple[Match, ...]:
    return tuple({one.identity: one for some in found for one in some}.values())


async def matches(conn: Conn, space: UUID, wanted: Sequence[Wanted]) -> list[tuple[Match, ...]]:
    """Return what each question meets, in the order asked."""
    if not wanted:
        return []
    return _matches(wanted, await conn.fetch(sql("match_tokens"), space, *_columns(wanted)))


async def _met_or_claimed(
    conn: Conn, tenant: UUID, space: UUID, wanted: Sequence[Wanted]
) -> list[tuple[Match, ...]]:
    """Return what each question meets; the tokens of one that meets nothing are ours by then."""
    if not wanted:
        return []
    keys = [
        (locks.of_token(tenant, space, token), number)
        for number, one in enumerate(wanted, 1)
        for token in one.tokens
    ]
    rows = await conn.fetch(
        sql("meet_or_claim"),
        space,
        *_columns(wanted),
        [key for key, _ in keys],
        [number for _, number in keys],
    )
    return _matches(wanted, rows)


def _columns(wanted: Sequence[Wanted]) -> tuple[list[str], list[str]]:
    return [one.rtype for one in wanted], [_UNIT.join(one.tokens) for one in wanted]


def _matches(wanted: Sequence[Wanted], rows: Iterable[Record]) -> list[tuple[Match, ...]]:
    found: list[list[Match]] = [[] for _ in wanted]
    for row in rows:
        place: int = row["n"] - 1
        found[place].append(
            Match(
                identity=Identity(rtype=wanted[place].rtype, rid=row["rid"]),
                version=row["vid"],
                updated_at=row["updated_at"],
                fingerprint=row["fingerprint"],
            )
        )
    return [tuple(one) for one in found]


async def add_referral(
    conn: Conn,
    case: Case,
    *,
    message: Message,
    writes: Iterable[Write],
    screening: Screening,
    inputs: bytes,
    ids: tuple[UUID, UUID, UUID],
    actor: str,
    at: datetime,
) -> bool:
    """Write a new referral with all it brings, in one statement; say whether it was ours to write.

    False: another message with the same order key committed first. `ids` are those of
    the screening, the job that tells the placer and the audit row.
    """
    columns = resources.columns(list(writes))
    row = await conn.fetchval(
        sql("receive_referral"),
        case.tenant,
        case.placer_id,
        at,
        *columns,
        case.id,
        case.order_system,
        case.order_value,
        case.order_rid,
        case.patient_rid,
        case.task_rid,
        case.stage.value,
        case.outcome.value,
        case.priority,
        case.accepted_once,
        case.planned_date,
        case.variant,
        case.content,
        case.stamp,
        message.id,
        message.channel.value,
        message.digest,
        message.size,
        ids[0],
        screening.pack,
        screening.pack_version,
        inputs,
        screening.variant,
        screening.planned,
        screening.day,
        screening.outcome.value,
        encoded(screening),
        ids[1],
        ids[2],
        actor,
    )
    return row is not None


async def add_message(
    conn: Conn,
    tenant: UUID,
    placer: UUID,
    message: Message,
    *,
    verdict: str,
    referral: UUID | None,
    problem: str = "",
    at: datetime,
) -> None:
    """Note a message that made no referral: a repeat, an amendment, a refusal."""
    await conn.execute(
        sql("add_message"),
        tenant,
        message.id,
        placer,
        message.channel.value,
        verdict,
        message.digest,
        message.size,
        problem,
        referral,
        at,
    )
