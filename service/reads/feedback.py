"""What became of our cards, rule by rule?"""

from datetime import datetime

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from service.deps import Deps
from service.store import cards
from service.store.cards import Figures
from service.store.transaction import transaction


async def feedback(deps: Deps, caller: Caller, *, since: datetime) -> list[Figures]:
    """Return how often each rule's cards were shown, accepted and overridden, and why.

    Raises:
        Refused: `role`.
    """
    allow(caller, Verb.SEE_FEEDBACK)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        return await cards.by_rule(conn, caller.tenant, since=since)
