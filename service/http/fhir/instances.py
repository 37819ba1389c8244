"""One resource: read, vread, create, update, delete; conditional create and update."""

from functools import partial
from typing import Final
from urllib.parse import urlencode

from fhir_mappings.model.json import Identity, text
from fhir_mappings.parse import guard
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.parse.resource import judge
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir import intents, slots
from service.http.fhir.conditional import condition, named_placer
from service.http.fhir.kept import alone
from service.http.fhir.represent import shown
from service.http.fhir.served import INSIDE_ONLY, SERVED, Interaction, Row
from service.http.problems import Fault, Turned
from service.reads.instance import instance

VERSION_MOST: Final = 9
"""Digits of a version number that can exist."""


async def read(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Show the newest version; 410 where it was deleted."""
    identity = Identity(rtype=rtype, rid=ask.part("rid"))
    stored = await instance(deps, ask.caller, identity, placer=named_placer(ask))
    if stored.deleted:
        raise Turned(Fault.GONE)
    return shown(ask, stored)


async def vread(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Show one version; 410 where that version says it was deleted."""
    vid = ask.part("vid")
    if not (vid.isascii() and vid.isdigit() and len(vid) <= VERSION_MOST):
        raise Refused(Problem(Code.NOT_FOUND))
    identity = Identity(rtype=rtype, rid=ask.part("rid"))
    stored = await instance(deps, ask.caller, identity, version=int(vid), placer=named_placer(ask))
    if stored.deleted:
        raise Turned(Fault.GONE)
    return shown(ask, stored)


async def create(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Store a new resource under an id of ours, or answer with the one that a condition met."""
    entry = _entry(rtype, deps, ask, Method.POST, condition_=condition(ask))
    return await intents.write(deps, ask, entry)


async def update(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Store a new version; an id that does not exist yet is created."""
    rid = ask.part("rid")
    entry = _entry(rtype, deps, ask, Method.PUT, rid=rid)
    if text(entry.tree, "id") != rid:
        raise Refused(Problem(Code.ID_DIFFERS, f"{rtype}.id"))
    return await intents.write(deps, ask, entry)


async def update_by_condition(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Update the one resource that the query of the address meets, or create it."""
    query = urlencode(ask.query)
    if not condition(ask):
        raise Refused(Problem(Code.PARAMETER_VALUE))
    entry = _entry(rtype, deps, ask, Method.PUT, condition_=query)
    return await intents.write(deps, ask, entry)


async def delete(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Delete a resource; one that never was is as gone."""
    entry = Entry(
        place=0,
        full_url="",
        method=Method.DELETE,
        rtype=rtype,
        rid=ask.part("rid"),
        condition="",
        if_match=ask.header("if-match"),
        tree={},
        raw=b"",
    )
    return await intents.write(deps, ask, entry)


async def patch(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Change the status of a Task or an Appointment by JSON Patch."""
    changed = await intents.PATCHES[rtype](deps, ask, ask.part("rid"))
    return await alone(deps, ask, changed)


async def read_unserved(deps: Deps, ask: Ask) -> Answer:
    """Show a resource of a type that is only stored along with a referral."""
    _known(ask)
    return await read(ask.part("rtype"), deps, ask)


async def unserved(_: Deps, ask: Ask) -> Answer:
    """Say that a type of R4 is not served by itself; any other is no address at all."""
    _known(ask)
    raise Refused(Problem(Code.NOT_SUPPORTED_TYPE))


def _known(ask: Ask) -> None:
    rtype = ask.part("rtype")
    if rtype not in RESOURCE_TYPES:
        raise Turned(Fault.NO_ROUTE)
    if rtype in INSIDE_ONLY:
        raise Refused(Problem(Code.NOT_SUPPORTED_TYPE))


def _entry(
    rtype: str, deps: Deps, ask: Ask, method: Method, *, rid: str = "", condition_: str = ""
) -> Entry:
    """Read and judge the body as the one entry of a write."""
    refuse_any(judge(ask.tree, deps.shape, expect_type=rtype))
    return Entry(
        place=0,
        full_url="",
        method=method,
        rtype=rtype,
        rid=rid,
        condition=condition_,
        if_match=ask.header("if-match"),
        tree=ask.tree,
        raw=guard.whole(ask.body),
    )


def _routes(rtype: str, row: Row) -> list[Route]:
    offered = row.interactions
    one, kind = f"{BASE_PATH}/{rtype}/{{rid}}", f"{BASE_PATH}/{rtype}"
    routes: list[Route] = []
    if Interaction.READ in offered:
        routes.append(Route("GET", one, partial(read, rtype)))
    if Interaction.VREAD in offered:
        routes.append(Route("GET", f"{one}/_history/{{vid}}", partial(vread, rtype)))
    if Interaction.CREATE in offered:
        routes.append(Route("POST", kind, partial(create, rtype)))
    if Interaction.UPDATE in offered:
        routes.append(Route("PUT", one, partial(update, rtype)))
        if row.conditional:
            routes.append(Route("PUT", kind, partial(update_by_condition, rtype)))
    if Interaction.PATCH in offered:
        routes.append(Route("PATCH", one, partial(patch, rtype)))
    if Interaction.DELETE in offered:
        routes.append(Route("DELETE", one, partial(delete, rtype)))
    return routes


ROUTES: Final = (
    *(
        route
        for rtype, row in SERVED.items()
        for route in (slots.ROUTES if rtype == "Slot" else _routes(rtype, row))
    ),
    Route("GET", f"{BASE_PATH}/{{rtype}}/{{rid}}", read_unserved),
    Route("GET", f"{BASE_PATH}/{{rtype}}", unserved),
    Route("POST", f"{BASE_PATH}/{{rtype}}", unserved),
    Route("PUT", f"{BASE_PATH}/{{rtype}}/{{rid}}", unserved),
    Route("DELETE", f"{BASE_PATH}/{{rtype}}/{{rid}}", unserved),
)
