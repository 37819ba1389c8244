"""Searching a type: GET, and POST to `_search`; pages by cursor, links under the public base."""

from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlencode

from fhir_mappings.model.json import Tree
from fhir_mappings.model.query import Asked
from fhir_mappings.parse.query import CURSOR, Page, Reader, cursor
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.outcome import notice, outcome
from fhir_mappings.render.searchset import Match, searchset
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir.conditional import named_placer, prefer
from service.http.fhir.served import SERVED, Interaction
from service.reads import slots
from service.reads.search import Found, search, spaces_of
from service.reads.slots import Slots


async def by_address(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Search with the parameters of the address."""
    return await found(rtype, deps, ask, ask.query)


async def by_form(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Search with the parameters of a form, those of the address besides (FHIR R4)."""
    try:
        form = parse_qsl(ask.body.decode("utf-8"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Refused(Problem(Code.PARAMETER_VALUE)) from None
    return await found(rtype, deps, ask, (*ask.query, *form))


async def found(rtype: str, deps: Deps, ask: Ask, pairs: tuple[tuple[str, str], ...]) -> Answer:
    """Search and answer one page."""
    placer = named_placer(ask)
    reader = Reader(rtype, spaces=spaces_of(ask.caller, placer), base=ask.base)
    page = Page(usual=deps.settings.page_rows, most=deps.settings.page_rows_most)
    asked = reader.read(pairs, page, lenient=prefer(ask).lenient)
    look = slots.search if rtype == "Slot" else search
    met = await look(deps, ask.caller, asked, placer=placer)
    body = searchset(
        (Match(full_url=f"{ask.base}/{one.identity}", text=one.text) for one in met.rows),
        total=met.total,
        links=_links(f"{ask.base}/{rtype}", asked, met),
        outcome=_dropped(asked),
    )
    return Answer(status=HTTPStatus.OK, body=body)


def _links(address: str, asked: Asked, met: Found | Slots) -> list[tuple[str, str]]:
    own = urlencode(asked.applied)
    links = [("self", f"{address}?{own}" if own else address)]
    if met.next is not None:
        kept = [pair for pair in asked.applied if pair[0] != CURSOR]
        links.append(("next", f"{address}?{urlencode([*kept, (CURSOR, cursor(met.next))])}"))
    return links


def _dropped(asked: Asked) -> Tree | None:
    """Tell a lenient caller how many parameters were left out; their names stay unsaid."""
    if not asked.dropped:
        return None
    said = f"{asked.dropped} search parameters are not offered for this type and were left out."
    return outcome([notice("dropped", said, severity="warning")])


ROUTES: Final = tuple(
    route
    for rtype, row in SERVED.items()
    if Interaction.SEARCH in row.interactions
    for route in (
        Route("GET", f"{BASE_PATH}/{rtype}", partial(by_address, rtype)),
        Route("POST", f"{BASE_PATH}/{rtype}/_search", partial(by_form, rtype)),
    )
)
