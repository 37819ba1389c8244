"""Which versions has a resource had?"""

from uuid import UUID

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from service.deps import Deps
from service.store import resources
from service.store.resources import Stored
from service.store.transaction import transaction


async def history(
    deps: Deps,
    caller: Caller,
    identity: Identity,
    *,
    limit: int,
    before: int | None = None,
    placer: UUID | None = None,
) -> tuple[list[Stored], int]:
    """Return versions from the newest down, and how many there are in all.

    `before` continues a page: only versions older than that number. Versions count from 1
    without gaps, so the newest number is the total.

    Raises:
        Refused: `not-found` (also where it is another's), `which-placer`, `role`.
    """
    allow(caller, Verb.READ)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        standing = await resources.see_one(conn, caller.tenant, identity, placer=placer)
        older = await resources.older(conn, standing, caller.tenant, before=before, limit=limit)
    newest = [standing] if before is None or standing.version < before else []
    return [*newest, *older][:limit], standing.version
