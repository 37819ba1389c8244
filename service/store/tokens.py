"""The rows of `access_token`: only a token's SHA-256 ever stands in the database (DECISIONS 24)."""

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.caller import Caller, Role
from service.store.pool import Conn, Pool
from service.store.statements import sql
from service.store.transaction import unwalled


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a token; exactly one of `placer` and `person` holds it."""

    id: UUID
    tenant: UUID
    sha256: bytes
    placer: UUID | None = None
    person: UUID | None = None
    scopes: tuple[str, ...] = ()
    expires_at: datetime


def digest(token: str) -> bytes:
    """Return what stands for a token in the database."""
    return hashlib.sha256(token.encode()).digest()


async def add(conn: Conn, token: NewToken, *, at: datetime) -> None:
    """Let the bearer of this token in until it expires."""
    await conn.execute(
        sql("add_token"),
        token.sha256,
        token.tenant,
        token.id,
        token.placer,
        token.person,
        list(token.scopes),
        at,
        token.expires_at,
    )


async def caller_of(pool: Pool, sha256: bytes, *, at: datetime) -> Caller | None:
    """Return who holds the token of this digest, or None: unknown, expired, revoked, shut out.

    The one question asked before a tenant is known; a SECURITY DEFINER function answers it.
    """
    async with unwalled(pool) as conn:
        row = await conn.fetchrow(sql("caller_of"), sha256, at)
    return _caller(row) if row else None


async def known(conn: Conn, sha256: bytes) -> bool:
    """Say whether a token of this digest was ever issued here."""
    return bool(await conn.fetchval(sql("find_token"), sha256))


async def revoke(conn: Conn, tenant: UUID, token: UUID, *, at: datetime) -> bool:
    """Shut a token out; say whether one was open under this id."""
    done: str = await conn.execute(sql("revoke_token"), tenant, token, at)
    return done.endswith(" 1")


def _caller(row: Record) -> Caller:
    return Caller(
        tenant=row["tenant"],
        zone=row["zone"],
        name=row["name"],
        placer=row["placer_id"],
        person=row["person_id"],
        practitioner=row["practitioner"],
        roles=frozenset(Role(one) for one in row["roles"]),
        scopes=frozenset(row["scopes"]),
        rate=row["rate"],
    )
