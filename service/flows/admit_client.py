"""Let in a client that proves itself by a token it signed, once per token (CDS Hooks 2.0)."""

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.client import Doubt
from fhir_mappings.parse.client_jwt import SKEW, claimed
from service.deps import Deps
from service.store import cds_clients
from service.store.transaction import retried, transaction


@retried
async def admit_client(deps: Deps, token: str, *, audience: str) -> Caller | Doubt:
    """Return the placer whose client signed the token for `audience`, or why nobody is proven.

    The token is used up in the transaction that proves it, so two of the same at once are one.
    """
    now = deps.now()
    said = claimed(token, audience=audience, now=now)
    if isinstance(said, Doubt):
        return said
    signer = await cds_clients.of_issuer(deps.pool, said.issuer)
    if signer is None:
        return Doubt.ISSUER
    if not await deps.keys.signed(signer, said, token, now):
        return Doubt.KEY
    caller = Caller(
        tenant=signer.tenant,
        zone=signer.zone,
        name=signer.name,
        placer=signer.placer,
        rate=signer.rate,
    )
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        until = said.expires_at + SKEW
        fresh = await cds_clients.use(conn, signer, said, until=until, at=now)
    return caller if fresh else Doubt.REPLAY
