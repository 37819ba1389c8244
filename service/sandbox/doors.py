"""The sandbox's writes: every type is stored as it comes, by one flow and no intent."""

from functools import partial
from http import HTTPStatus
from typing import Final

from fhir_mappings.model.json import Tree, text
from fhir_mappings.parse import guard
from fhir_mappings.parse.bundle import Entry, Method, entries
from fhir_mappings.parse.resource import judge, judge_bundle
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.render.batch_response import Part, batch_response
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from service.deps import Deps
from service.flows.store_resources import Done, StoreResources, store_resources
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir import history, instances, search
from service.http.fhir.conditional import condition
from service.http.fhir.represent import written
from service.http.fhir.served import SERVED


async def create(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Store a new resource, or answer with the one that a condition met."""
    return await _stored(rtype, deps, ask, Method.POST, condition_=condition(ask))


async def update(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Store a new version; an id that does not exist yet is created."""
    if text(ask.tree, "id") != ask.part("rid"):
        raise Refused(Problem(Code.ID_DIFFERS, f"{rtype}.id"))
    return await _stored(rtype, deps, ask, Method.PUT, rid=ask.part("rid"))


async def delete(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Delete a resource; one that never was is as gone."""
    entry = _entry(rtype, ask, Method.DELETE, tree={}, rid=ask.part("rid"))
    await store_resources(deps, ask.caller, StoreResources(entries=(entry,)))
    return Answer(status=HTTPStatus.NO_CONTENT)


async def transact(deps: Deps, ask: Ask) -> Answer:
    """Store a transaction's entries, all or none."""
    if text(ask.tree, "type") != "transaction":
        raise Refused(Problem(Code.BUNDLE_TYPE, "Bundle.type"))
    refuse_any(judge_bundle(ask.tree, deps.shape))
    found = entries(ask.tree, guard.slices(ask.body), types=RESOURCE_TYPES)
    done = await store_resources(deps, ask.caller, StoreResources(entries=tuple(found)))
    body = batch_response("transaction-response", [_part(one) for one in done], base=ask.base)
    return Answer(status=HTTPStatus.OK, body=body)


async def _stored(
    rtype: str, deps: Deps, ask: Ask, method: Method, *, rid: str = "", condition_: str = ""
) -> Answer:
    refuse_any(judge(ask.tree, deps.shape, expect_type=rtype))
    entry = _entry(rtype, ask, method, tree=ask.tree, rid=rid, condition_=condition_)
    (done,) = await store_resources(deps, ask.caller, StoreResources(entries=(entry,)))
    if done.stored is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return written(ask, done.status, done.stored)


def _entry(
    rtype: str, ask: Ask, method: Method, *, tree: Tree, rid: str = "", condition_: str = ""
) -> Entry:
    return Entry(
        place=0,
        full_url="",
        method=method,
        rtype=rtype,
        rid=rid,
        condition=condition_,
        if_match=ask.header("if-match"),
        tree=tree,
        raw=guard.whole(ask.body) if tree else b"",
    )


def _part(done: Done) -> Part:
    stored = done.stored
    if stored is None or stored.deleted:
        return Part(status=done.status)
    return Part(
        status=done.status,
        identity=stored.identity,
        version=stored.version,
        at=stored.updated_at,
    )


def _routes(rtype: str) -> tuple[Route, ...]:
    kind, one = f"{BASE_PATH}/{rtype}", f"{BASE_PATH}/{rtype}/{{rid}}"
    return (
        Route("GET", kind, partial(search.by_address, rtype)),
        Route("POST", f"{kind}/_search", partial(search.by_form, rtype)),
        Route("POST", kind, partial(create, rtype)),
        Route("GET", one, partial(instances.read, rtype)),
        Route("PUT", one, partial(update, rtype)),
        Route("DELETE", one, partial(delete, rtype)),
        Route("GET", f"{one}/_history", partial(history.versions, rtype)),
        Route("GET", f"{one}/_history/{{vid}}", partial(instances.vread, rtype)),
    )


ROUTES: Final = (
    *(route for rtype in SERVED for route in _routes(rtype)),
    Route("POST", BASE_PATH, transact),
)
