"""The schema's history: plain numbered SQL files, applied in order, each exactly once.

A runner of our own because the promise lives here (STORAGE §9): under an advisory lock, checked
by digest, one transaction a file, as `tpi_owner`. It needs neither superuser nor CREATEROLE; what
does is in `roles`. Not through PgBouncer: the lock belongs to the session.
"""

import hashlib
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import asyncpg
import stamina

from service.store.roles import Direct

LOCK: Final = 0x7470695F  # "tpi_": the key of our advisory lock, one per database
_FILE: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_ALONE: Final = "-- no-transaction"
_LOCK_TRIES: Final = 5


class SchemaError(Exception):
    """The database's schema and this program do not fit; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One file: its name is its identity, its digest its content."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the text: an applied file never changes."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def alone(self) -> bool:
        """Say whether it must not run in a transaction (`CREATE INDEX CONCURRENTLY`)."""
        return self.text.startswith(_ALONE)


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a database stands among the files that this program ships."""

    applied: tuple[str, ...]
    pending: tuple[Migration, ...]
    changed: tuple[str, ...]
    """Applied here, but another text than ours."""
    unknown: tuple[str, ...]
    """Applied here by a newer program."""


def shipped() -> tuple[Migration, ...]:
    """Read the files of this program, in order.

    Raises:
        SchemaError: a file's name has no number of four digits, or two have the same.
    """
    folder = files("service.store") / "migrations"
    found = sorted(
        (one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name
    )
    numbers = [_FILE.fullmatch(one.name) for one in found]
    if not all(numbers) or len({one[1] for one in numbers if one}) != len(found):
        raise SchemaError("A migration's file is not named NNNN_what.sql with its own number.")
    return tuple(
        Migration(name=one.name.removesuffix(".sql"), text=one.read_text(encoding="utf-8"))
        for one in found
    )


def digest_of(migrations: Sequence[Migration]) -> str:
    """Digest all the files together: the name of a test's template (STORAGE §8)."""
    told = "\n".join(f"{one.name} {one.digest}" for one in migrations)
    return hashlib.sha256(told.encode()).hexdigest()


async def status(conn: Direct, migrations: Sequence[Migration] | None = None) -> Status:
    """Compare what the database applied with the files; it changes nothing."""
    ours = {one.name: one for one in (shipped() if migrations is None else migrations)}
    applied = await _applied(conn)
    return Status(
        applied=tuple(applied),
        pending=tuple(one for name, one in ours.items() if name not in applied),
        changed=tuple(
            name for name, found in applied.items() if name in ours and ours[name].digest != found
        ),
        unknown=tuple(name for name in applied if name not in ours),
    )


async def expect_schema(conn: Direct, migrations: Sequence[Migration] | None = None) -> None:
    """Refuse to serve on a schema that is older, newer or another than ours.

    Raises:
        SchemaError: with the repair.
    """
    found = await status(conn, migrations)
    _refuse_strange(found)
    if found.pending:
        names = ", ".join(one.name for one in found.pending)
        raise SchemaError(f"The database lacks {names}. Run `tpi migrate up`.")


async def up(conn: Direct, migrations: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """Apply what is pending and return it; a second run, or one at the same time, does nothing.

    The connection is the owner's URL: a member of `tpi_owner`, in the private server a superuser.

    Raises:
        SchemaError: an applied file changed, or a newer program was here; nothing is applied then.
    """
    async with _as_owner(conn):
        await conn.execute(_TABLE)
        found = await status(conn, migrations)
        _refuse_strange(found)
        for one in found.pending:
            await _apply(conn, one)
    return found.pending


def _refuse_strange(found: Status) -> None:
    if found.changed:
        raise SchemaError(
            f"The text of {', '.join(found.changed)} is not the one that was applied here."
            " Put the file back as it was released, and say the change in a new one."
        )
    if found.unknown:
        raise SchemaError(
            f"A newer version was here: it applied {', '.join(found.unknown)}. Use that version."
        )


async def _applied(conn: Direct) -> dict[str, str]:
    if await conn.fetchval("SELECT to_regclass('public.schema_migration')") is None:
        return {}
    rows = await conn.fetch("SELECT name, digest FROM public.schema_migration ORDER BY name")
    return {str(row["name"]): str(row["digest"]) for row in rows}


@asynccontextmanager
async def _as_owner(conn: Direct) -> AsyncGenerator[None]:
    """Hold the lock, become `tpi_owner`, and put both back."""
    await _check_login(conn)
    await conn.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        await _let_owner_create(conn)
        await conn.execute("SET ROLE tpi_owner")
        yield
    finally:
        if not conn.is_closed():
            await conn.execute("RESET ROLE")
            await conn.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _check_login(conn: Direct) -> None:
    member = await conn.fetchval(
        "SELECT pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int >= 160000"
        " THEN 'SET' ELSE 'MEMBER' END) FROM pg_roles WHERE rolname = 'tpi_owner'"
    )
    if member is None:
        raise SchemaError("The role tpi_owner does not exist here. Run `tpi migrate roles` first.")
    if not member:
        raise SchemaError(
            "This login may not become tpi_owner. Run `tpi migrate roles` as one that may grant it."
        )
    if not await conn.fetchval(
        "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'btree_gist')"
    ):
        raise SchemaError(
            "This server has no btree_gist. Install PostgreSQL's contrib modules there."
        )


async def _let_owner_create(conn: Direct) -> None:
    """Let `tpi_owner` create in this database and its public schema, where it may not yet."""
    if await conn.fetchval(
        "SELECT has_database_privilege('tpi_owner', current_database(), 'CREATE')"
        " AND has_schema_privilege('tpi_owner', 'public', 'CREATE')"
    ):
        return
    grant = await conn.fetchval(
        "SELECT format('GRANT CREATE ON DATABASE %I TO tpi_owner', current_database())"
    )
    try:
        await conn.execute(f"{grant}; GRANT CREATE, USAGE ON SCHEMA public TO tpi_owner")
    except asyncpg.InsufficientPrivilegeError as refused:
        raise SchemaError(
            f"tpi_owner may not create here. Let the database's owner run: {grant};"
            " GRANT CREATE, USAGE ON SCHEMA public TO tpi_owner;"
        ) from refused


async def _apply(conn: Direct, one: Migration) -> None:
    """Apply one file, again where a lock could not be had in the time that the file set."""
    async for attempt in stamina.retry_context(
        on=asyncpg.LockNotAvailableError,
        attempts=_LOCK_TRIES,
        timeout=None,
        wait_initial=0.2,
        wait_jitter=0.2,
    ):
        with attempt:
            await (_apply_alone(conn, one) if one.alone else _apply_whole(conn, one))


async def _apply_whole(conn: Direct, one: Migration) -> None:
    async with conn.transaction():
        await conn.execute(one.text)
        # a file that sets a role or a search path must not choose where this row goes
        await conn.execute(_RECORD, one.name, one.digest)


async def _apply_alone(conn: Direct, one: Migration) -> None:
    """Run a file statement by statement; each must bear to be run again after a crash.

    A statement ends with a semicolon at the end of a line. A CONCURRENTLY that failed leaves an
    invalid index behind, which is dropped first.
    """
    for row in await conn.fetch(_INVALID):
        await conn.execute(f"DROP INDEX CONCURRENTLY {row['name']}")
    for statement in re.split(r";[ \t]*(?:\n|$)", one.text):
        if statement.strip():
            await conn.execute(statement)
    await conn.execute(_RECORD, one.name, one.digest)


_TABLE: Final = """
CREATE TABLE IF NOT EXISTS public.schema_migration (
    name text CONSTRAINT schema_migration_pkey PRIMARY KEY,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON public.schema_migration TO tpi_app, tpi_worker;
"""
_RECORD: Final = "INSERT INTO public.schema_migration (name, digest) VALUES ($1, $2)"
_INVALID: Final = """
SELECT i.indexrelid::regclass::text AS name
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'i'
"""
