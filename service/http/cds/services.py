"""`POST /cds-services/{id}`: one call of a hook, answered with cards."""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Final

from fhir_mappings.model.hooks import Hook
from fhir_mappings.model.json import Json
from fhir_mappings.parse.cds_request import call
from fhir_mappings.problems import Kind, Refused
from fhir_mappings.render.cards import Card, cards
from service.deps import Deps
from service.flows.show_cards import ShowCards, Shown, show_cards
from service.http.cds.discovery import JSON, PATH
from service.http.exchange import Answer, Ask, Route, answer
from service.reads.advice import advice

NAMING_SECONDS: Final = 0.1
"""What noting the cards may take beyond the half second of the answer itself."""


async def serve(hook: Hook, deps: Deps, ask: Ask) -> Answer:
    """Answer what stands against an order of ours, with no card where nothing is ours."""
    until = asyncio.get_running_loop().time() + deps.settings.cds_seconds
    said = await advice(deps, ask.caller, call(ask.tree, hook), until=until)
    found = cards(said, deps.pack.content.sources)
    shown = await _shown(hook, deps, ask, found, until + NAMING_SECONDS) if found else []
    return answer(HTTPStatus.OK, {"cards": shown}, JSON)


async def _shown(
    hook: Hook, deps: Deps, ask: Ask, found: tuple[Card, ...], until: float
) -> list[Json]:
    """Give each card an id that feedback can name; without time or database they go out unnamed."""
    noted = tuple(Shown(id=deps.new_id(), rules=one.about) for one in found)
    try:
        async with asyncio.timeout_at(until):
            await show_cards(deps, ask.caller, ShowCards(service=hook.service, shown=noted))
    except TimeoutError:
        return [one.tree for one in found]
    except Refused as refused:
        if refused.kind is not Kind.UNAVAILABLE:
            raise
        return [one.tree for one in found]
    return [{"uuid": str(one.id), **card.tree} for one, card in zip(noted, found, strict=True)]


ROUTES: Final = tuple(
    Route("POST", f"{PATH}/{hook.service}", partial(serve, hook), signed=True) for hook in Hook
)
