"""Answers kept under a caller's Idempotency-Key, each caller's own."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from fhir_mappings.model.caller import Caller
from service.store.audit import actor
from service.store.pool import Conn
from service.store.refused import Again
from service.store.statements import sql

_headers = msgspec.json.Decoder(dict[str, str]).decode


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: its status, headers and bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under a key: the digest of its request, and the answer once there is one."""

    digest: bytes
    kept: Kept | None


async def claim(
    conn: Conn,
    caller: Caller,
    key: str,
    digest: bytes,
    *,
    at: datetime,
    oldest: datetime,
    stale: datetime,
) -> Standing | None:
    """Claim a key; return what stands under it where it is not ours to claim.

    What was kept before `oldest` is forgotten, what runs since before `stale` is taken over.

    Raises:
        Again: another request claimed it while we waited, later than our snapshot: neither row.
    """
    row = await conn.fetchrow(
        sql("claim_key"), caller.tenant, actor(caller), key, digest, at, oldest, stale
    )
    if row is None:
        raise Again
    if row["mine"]:
        return None
    if row["status"] is None:
        return Standing(digest=row["digest"], kept=None)
    kept = Kept(status=row["status"], headers=_headers(row["headers"]), body=row["body"])
    return Standing(digest=row["digest"], kept=kept)


async def keep(conn: Conn, caller: Caller, key: str, answer: Kept) -> None:
    """Keep the answer of a key that was claimed."""
    await conn.execute(
        sql("keep_answer"),
        caller.tenant,
        actor(caller),
        key,
        answer.status,
        msgspec.json.encode(dict(answer.headers)).decode(),
        answer.body,
    )


async def free(conn: Conn, caller: Caller, key: str) -> None:
    """Give a claimed key back: its request did nothing."""
    await conn.execute(sql("free_key"), caller.tenant, actor(caller), key)
