"""Note which rules spoke at an EHR's desk, so that feedback can be told rule by rule."""

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import cards
from service.store.cards import Shown
from service.store.transaction import retried, transaction

__all__ = ["ShowCards", "Shown", "show_cards"]


class ShowCards(msgspec.Struct, frozen=True, kw_only=True):
    """The cards of one answer of a service; nothing of the patient is among them."""

    service: str
    shown: tuple[Shown, ...]


@retried
async def show_cards(deps: Deps, caller: Caller, command: ShowCards) -> None:
    """Keep the ids of the cards with their rules.

    Raises:
        Refused: `role` for anyone but a placer's client.
    """
    allow(caller, Verb.PRECHECK)
    if caller.placer is None:
        raise Refused(Problem(Code.ROLE, context=Verb.PRECHECK.value))
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        await cards.add(
            conn,
            caller.tenant,
            caller.placer,
            command.shown,
            service=command.service,
            pack_version=deps.pack.version,
            at=deps.now(),
        )
