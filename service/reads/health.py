"""Does the database answer?"""

from fhir_mappings.problems import Refused
from service.deps import Deps
from service.store.transaction import unwalled


async def ready(deps: Deps) -> bool:
    """Ask the database for nothing; False where it does not answer in time."""
    try:
        async with unwalled(deps.pool) as conn:
            await conn.execute("SELECT 1")
    except Refused:
        return False
    return True
