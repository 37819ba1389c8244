"""What stands under an id, now or at an older version?"""

from uuid import UUID

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import resources
from service.store.resources import Stored
from service.store.transaction import transaction

__all__ = ["Stored", "instance"]


async def instance(
    deps: Deps,
    caller: Caller,
    identity: Identity,
    *,
    version: int | None = None,
    placer: UUID | None = None,
) -> Stored:
    """Return a resource that the caller sees; a deleted version comes back as such.

    A placer's own space comes before the clinic's. Staff name the placer where two use the id.

    Raises:
        Refused: `not-found` (also where it is another's), `which-placer`, `role`.
    """
    allow(caller, Verb.READ)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        standing = await resources.see_one(conn, caller.tenant, identity, placer=placer)
        if version is None or version == standing.version:
            return standing
        found = await resources.older(conn, standing, caller.tenant, version=version, limit=1)
    if not found:
        raise Refused(Problem(Code.NOT_FOUND))
    return found[0]
