"""Keep what clinicians did with our cards (CDS Hooks 2.0, Feedback)."""

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.hooks import Feedback
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import cards
from service.store.transaction import retried, transaction


class TakeFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """The reactions of one message about cards of one service."""

    service: str
    feedback: tuple[Feedback, ...]


@retried
async def take_feedback(deps: Deps, caller: Caller, command: TakeFeedback) -> tuple[int, ...]:
    """Keep each reaction once; return the places of those whose card was not shown to this EHR.

    Raises:
        Refused: `role` for anyone but a placer's client.
    """
    allow(caller, Verb.PRECHECK)
    if caller.placer is None:
        raise Refused(Problem(Code.ROLE, context=Verb.PRECHECK.value))
    said = command.feedback
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        known = await cards.known(
            conn, caller.tenant, caller.placer, command.service, {one.card for one in said}
        )
        ours = [one for one in said if one.card in known]
        await cards.add_feedback(conn, caller.tenant, caller.placer, ours)
    return tuple(place for place, one in enumerate(said) if one.card not in known)
