"""The rows of `cds_client` and `client_jti`: who signs tokens of its own, and which were used."""

from datetime import datetime
from uuid import UUID

from fhir_mappings.model.client import Claimed, Signer
from service.store.pool import Conn, Pool
from service.store.statements import sql
from service.store.transaction import unwalled


async def trust(
    conn: Conn, tenant: UUID, placer: UUID, *, issuer: str, jku: str, keys: str, at: datetime
) -> None:
    """Register an issuer for a placer, or its keys anew.

    Raises:
        Refused: `issuer-known` where it signs for another placer.
    """
    await conn.execute(sql("trust_client"), tenant, placer, issuer, jku, keys, at)


async def of_issuer(pool: Pool, issuer: str) -> Signer | None:
    """Return the client of an issuer, None where nobody is registered or the placer is shut out.

    Asked before a tenant is known; a SECURITY DEFINER function answers it.
    """
    async with unwalled(pool) as conn:
        row = await conn.fetchrow(sql("cds_client_of"), issuer)
    if row is None:
        return None
    return Signer(
        issuer=issuer,
        tenant=row["tenant"],
        zone=row["zone"],
        placer=row["placer_id"],
        name=row["name"],
        rate=row["rate"],
        internal=row["internal"],
        jku=row["jku"],
        keys=row["keys"],
    )


async def use(
    conn: Conn, signer: Signer, claimed: Claimed, *, until: datetime, at: datetime
) -> bool:
    """Use a token up; False where it was used before. It is remembered until `until`."""
    fresh = await conn.fetchval(
        sql("use_jti"), signer.tenant, signer.placer, signer.issuer, claimed.jti, until, at
    )
    return bool(fresh)
