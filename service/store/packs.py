"""Which content pack a clinic adopted, when and why; a version, once kept, never changes."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.model.pack import Pack
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import DEAD, DONE
from fhir_mappings.problems import Code, Problem, Refused
from service.store import referrals
from service.store.pool import Conn, Pool
from service.store.roles import Direct
from service.store.statements import sql
from service.store.transaction import unwalled

_ENDED: Final = sorted(stage.value for stage in DEAD | DONE)


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """The pack that a clinic chose: since when, by whom, why, and who had signed it then."""

    name: str
    version: str
    digest: str
    since: datetime
    set_by: str
    why: str
    signed_by: str


async def adopted(conn: Conn, tenant: UUID) -> Adopted | None:
    """Return what a clinic adopted last, None where it never did: then any pack may judge."""
    row = await conn.fetchrow(sql("adopted_pack"), tenant)
    return Adopted(**{**row, "digest": row["digest"].hex()}) if row else None


async def other_than(conn: Direct, pack: Pack) -> list[str]:
    """Name the clinics that adopted another pack than this one: only the owner sees them all."""
    rows = await conn.fetch(sql("adopted_packs"))
    return [row["clinic"] for row in rows if row["digest"].hex() != pack.digest]


async def expect_everywhere(pool: Pool, pack: Pack) -> None:
    """Let a process start with the pack that every clinic adopted that adopted one.

    Raises:
        Refused: `pack-not-adopted`.
    """
    async with unwalled(pool) as conn:
        rows = await conn.fetch(sql("packs_in_force"))
    if any(row["digest"].hex() != pack.digest for row in rows):
        raise Refused(Problem(Code.PACK_NOT_ADOPTED, context=pack.version))


async def expect(conn: Conn, tenant: UUID, pack: Pack) -> None:
    """Let the pack judge that the clinic adopted, and no other.

    Raises:
        Refused: `pack-not-adopted`.
    """
    chosen = await adopted(conn, tenant)
    if chosen is not None and chosen.digest != pack.digest:
        raise Refused(Problem(Code.PACK_NOT_ADOPTED, context=chosen.version))


async def keep(conn: Conn, pack: Pack, *, at: datetime) -> None:
    """Keep a version and the digest of its bytes; only the owner may.

    Raises:
        Refused: `pack-version` where that version is kept with other bytes.
    """
    digest = bytes.fromhex(pack.digest)
    if await conn.fetchval(sql("keep_pack"), pack.name, pack.version, digest, at) != digest:
        raise Refused(Problem(Code.PACK_VERSION, context=pack.version))


async def adopt(
    conn: Conn, tenant: UUID, pack: Pack, *, at: datetime, set_by: str, why: str
) -> None:
    """Say that a clinic is judged by this pack from now on; only the owner may."""
    await conn.execute(
        sql("adopt_pack"), tenant, pack.name, pack.version, at, set_by, why, pack.reviewed_by
    )


async def open_referrals(conn: Conn, tenant: UUID) -> list[Case]:
    """Return the referrals that a screening can still move."""
    rows = await conn.fetch(sql("open_referrals"), tenant, _ENDED)
    return [referrals.case_of(row) for row in rows]


async def lock_judged_by_another(conn: Conn, tenant: UUID, pack: Pack) -> list[Case]:
    """Lock the open referrals whose newest screening is another pack's or version's."""
    rows = await conn.fetch(sql("lock_judged_by_another"), tenant, _ENDED, pack.name, pack.version)
    return [referrals.case_of(row) for row in rows]
