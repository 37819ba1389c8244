"""Whose token is this?"""

from fhir_mappings.model.caller import Caller
from service.deps import Deps
from service.store import tokens


async def caller_of(deps: Deps, sha256: bytes) -> Caller | None:
    """Return the caller that a token's SHA-256 stands for, None where it lets nobody in."""
    return await tokens.caller_of(deps.pool, sha256, at=deps.now())
