"""A Bundle posted to the base: a transaction stands or falls as one, a batch entry by entry."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from fhir_mappings.model.json import Identity, Json, Tree, items, members, text
from fhir_mappings.parse import guard
from fhir_mappings.parse.bundle import Entry, Method, entries
from fhir_mappings.parse.resource import judge, judge_bundle
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.render.batch_response import Part, batch_response
from fhir_mappings.render.outcome import refusal
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir import intents
from service.http.fhir.conditional import prefer
from service.http.fhir.kept import parts
from service.http.fhir.served import SERVED, Interaction
from service.http.problems import STATUS, Fault, Turned, told
from service.reads.instance import instance

MANY: Final = 20
"""Entries beyond which judging leaves the event loop to others (DESIGN §4, step 4)."""


async def bundle(deps: Deps, ask: Ask) -> Answer:
    """Carry out a transaction or a batch."""
    kind = text(ask.tree, "type")
    if text(ask.tree, "resourceType") != "Bundle":
        raise Refused(Problem(Code.WRONG_TYPE, context="Bundle"))
    if kind == "batch":
        return await _batch(deps, ask)
    async with deps.turns.one():
        refuse_any(await _judged(deps, ask.tree))
        found = entries(ask.tree, guard.slices(ask.body), types=RESOURCE_TYPES)
        answered = await _transaction(deps, ask, found)
    body = batch_response("transaction-response", answered, base=ask.base)
    return Answer(status=HTTPStatus.OK, body=body)


async def _transaction(deps: Deps, ask: Ask, found: Sequence[Entry]) -> list[Part]:
    """Carry out what changes something, then read; a read of nothing fails the whole beforehand."""
    reads = [one for one in found if one.method is Method.GET]
    writes = [one for one in found if one.method is not Method.GET]
    brought = {(one.rtype, one.rid) for one in writes if one.method is Method.PUT}
    for entry in reads:
        if (entry.rtype, entry.rid) not in brought:
            await _read(deps, ask, entry)
    kept = await intents.transaction(deps, ask, writes)
    carried = prefer(ask).returns == "representation"
    answered = await parts(deps, ask, kept, carried=carried)
    by_place = dict(zip((one.place for one in writes), answered, strict=True))
    by_place |= {one.place: await _read(deps, ask, one) for one in reads}
    return [by_place[one.place] for one in found]


async def _judged(deps: Deps, tree: Tree) -> list[Problem]:
    if len(items(tree.get("entry"))) > MANY:
        return await asyncio.to_thread(judge_bundle, tree, deps.shape)
    return judge_bundle(tree, deps.shape)


async def _batch(deps: Deps, ask: Ask) -> Answer:
    envelope: Mapping[str, Json] = {**ask.tree, "entry": _bare(ask.tree)}
    refuse_any(judge_bundle(dict(envelope), deps.shape))
    found = entries(ask.tree, guard.slices(ask.body), types=RESOURCE_TYPES)
    parts = [await _one(deps, ask, entry) for entry in found]
    return Answer(status=HTTPStatus.OK, body=batch_response("batch-response", parts, base=ask.base))


def _bare(tree: Tree) -> list[Json]:
    """Return the entries without their resources, which are judged one by one."""
    return [
        {name: value for name, value in members(one).items() if name != "resource"}
        for one in items(tree.get("entry"))
    ]


async def _one(deps: Deps, ask: Ask, entry: Entry) -> Part:
    try:
        if entry.method is Method.GET:
            return await _read(deps, ask, entry)
        if entry.tree:
            refuse_any(judge(entry.tree, deps.shape, entry.at, expect_type=entry.rtype))
        kept = await intents.transaction(deps, ask, (entry,))
    except Refused as refused:
        return Part(status=STATUS[refused.kind], outcome=refusal(refused.problems))
    except Turned as away:
        return Part(status=away.fault.value.status, outcome=told(away.fault))
    carried = prefer(ask).returns != "minimal"
    return (await parts(deps, ask, kept, carried=carried))[0]


async def _read(deps: Deps, ask: Ask, entry: Entry) -> Part:
    """Read one resource by id; a search is a request of its own."""
    row = SERVED.get(entry.rtype)
    if not entry.rid or row is None or Interaction.READ not in row.interactions:
        raise Refused(Problem(Code.NOT_SUPPORTED, f"Bundle.entry[{entry.place}].request.url"))
    identity = Identity(rtype=entry.rtype, rid=entry.rid)
    stored = await instance(deps, ask.caller, identity)
    if stored.deleted:
        raise Turned(Fault.GONE)
    return Part(
        status=HTTPStatus.OK,
        identity=stored.identity,
        version=stored.version,
        at=stored.updated_at,
        text=stored.text,
    )


ROUTES: Final = (Route("POST", BASE_PATH, bundle),)
