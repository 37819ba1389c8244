"""Many referrals at once: a few that went through the flows, copied with other ids by SQL.

Every id of a prototype is made with a mark in it, every number of its order and patient too. A
copy is the same row with the mark replaced by its own number, so that all it names stays together.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from service.deps import NewId
from service.store.roles import Direct

MARK = "c0ffee"
"""Six digits, of ids and of text: copies are numbered in as many hexadecimal ones."""

TABLES = (
    "referral",
    "screening",
    "message",
    "resource",
    "hold",
    "proposal",
    "visit",
    "writeback",
    "outbox",
)
"""What a referral's rows stand in, in the order of their foreign keys."""


def marked_ids() -> NewId:
    """Make ids with the mark in them, each another, rising as UUIDv7 do."""
    numbers = count(1)

    def new_id() -> UUID:
        return UUID(f"0199b000-{next(numbers):04x}-7000-8000-000000{MARK}")

    return new_id


async def mark_the_rest(conn: Direct) -> None:
    """Give the mark to ids that are not made but worked out (those of DetectedIssues)."""
    rows = await conn.fetch(
        "SELECT rid FROM resource WHERE referral IS NOT NULL AND rid NOT LIKE '%' || $1", MARK
    )
    for number, row in enumerate(rows):
        new = f"0199b0ff-{number:04x}-7000-8000-000000{MARK}"
        await conn.execute(
            "UPDATE resource SET rid = replace(rid, $1, $2), body = replace(body, $1, $2),"
            " refs = string_to_array(replace(array_to_string(refs, E'\\x1f'), $1, $2), E'\\x1f'),"
            " tokens = string_to_array("
            "   replace(array_to_string(tokens, E'\\x1f'), $1, $2), E'\\x1f')"
            " WHERE referral IS NOT NULL AND body LIKE '%' || $1 || '%'",
            row["rid"],
            new,
        )


async def finished(conn: Direct, referral: UUID) -> None:
    """Let a cleared prototype look as one whose record was written back."""
    await conn.execute("UPDATE referral SET stage = 'written-back' WHERE id = $1", referral)
    for old, new in (("accepted", "completed"), ("cleared", "written-back")):
        await conn.execute(
            "UPDATE resource SET body = replace(body, $2, $3),"
            " tokens = string_to_array("
            "   replace(array_to_string(tokens, E'\\x1f'), $2, $3), E'\\x1f')"
            " WHERE referral = $1 AND rtype = 'Task'",
            referral,
            old,
            new,
        )


@dataclass(frozen=True, kw_only=True)
class Part:
    """Copies numbered `first` to `last`; of a hundred in a row each prototype has its share."""

    first: int
    last: int
    shares: Mapping[UUID, int]


async def copy(conn: Direct, parts: Sequence[Part], *, placers: Sequence[UUID]) -> None:
    """Copy prototypes, for each placer in turn; the prototypes' own must be the first of them.

    The times of one number stand a minute after those of the number before.
    """
    await conn.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
    for table in TABLES:
        await _keep_prototypes(conn, table, {one for part in parts for one in part.shares})
    indexes = await _without_indexes(conn)
    for part in parts:
        for table in TABLES:
            await _copy_table(conn, table, part, placers)
    for index in indexes:
        await conn.execute(index)
    await conn.execute("VACUUM (ANALYZE)")
    await conn.execute("CHECKPOINT")


async def _keep_prototypes(conn: Direct, table: str, referrals: Collection[UUID]) -> None:
    """Keep the rows that are copied beside their table: it grows, and is read for no copy."""
    await conn.execute(
        f"DROP TABLE IF EXISTS pg_temp.kept_{table};"  # noqa: S608 - our own tables
        f" CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}"
        f" WHERE {_owner(table)} = ANY ({_one_of(referrals)}::uuid[]);"
        f" ANALYZE kept_{table}"
    )


def _owner(table: str) -> str:
    return "id" if table == "referral" else "referral"


async def _copy_table(conn: Direct, table: str, part: Part, placers: Sequence[UUID]) -> None:
    columns = await conn.fetch(
        "SELECT attname, atttypid::regtype::text AS kind FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = ''",
        table,
    )
    kinds = [one for one, share in part.shares.items() for _ in range(share)]
    names = ", ".join(str(one["attname"]) for one in columns)
    values = ", ".join(_copied(str(one["attname"]), str(one["kind"])) for one in columns)
    await conn.execute(
        f"INSERT INTO {table} ({names}) SELECT {values}"  # noqa: S608 - our own tables
        f" FROM generate_series({part.first}, {part.last}) AS n CROSS JOIN LATERAL ("
        f" SELECT lpad(to_hex(n), {len(MARK)}, '0') AS number,"
        f" '{placers[0]}'::text AS first_placer,"
        f" {_one_of(placers)}[(n + n / 100) % {len(placers)} + 1] AS placer,"
        f" {_one_of(kinds)}[n % {len(kinds)} + 1]::uuid AS kind) AS c"
        f" JOIN kept_{table} AS p ON p.{_owner(table)} = c.kind",
    )


def _copied(name: str, kind: str) -> str:
    """Write the expression of one column's copy."""
    match kind:
        case "uuid":
            return f"{_replaced(f'p.{name}::text')}::uuid"
        case "text":
            return _replaced(f"p.{name}")
        case "text[]":
            joined = _replaced(f"array_to_string(p.{name}, E'\\x1f')")
            return f"string_to_array({joined}, E'\\x1f')"
        case "timestamp with time zone" if name in {"updated_at", "stage_since", "received_at"}:
            return f"p.{name} + n * interval '1 minute'"
        case _:
            return f"p.{name}"


def _replaced(value: str) -> str:
    """Write the replacing of the mark, and of the prototypes' placer by the copy's."""
    return f"replace(replace({value}, '{MARK}', c.number), c.first_placer, c.placer)"


def _one_of(values: Collection[object]) -> str:
    return "(ARRAY[" + ", ".join(f"'{one}'" for one in values) + "])"


async def _without_indexes(conn: Direct) -> list[str]:
    """Drop the indexes that no constraint needs, and return how to make them again."""
    rows = await conn.fetch(
        "SELECT c.relname, pg_get_indexdef(c.oid) AS made FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'resource'::regclass"
        " AND NOT i.indisprimary"
    )
    for row in rows:
        await conn.execute(f"DROP INDEX {row['relname']}")
    return [str(row["made"]) for row in rows]
