"""What became of one entry, whichever flow carried it out; and how one is answered by itself."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

import msgspec

from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.batch_response import Part
from service.deps import Deps
from service.http.exchange import Answer, Ask
from service.http.fhir.represent import written
from service.reads.instance import Stored, instance


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One entry's end: its status, and the version that stands.

    `identity` None: nothing stands (a DELETE). `stored` is that version where the flow had it at
    hand. `outcome` are notices for the caller, `link` the address of the coordination Task.
    """

    status: int
    identity: Identity | None = None
    version: int = 0
    at: datetime | None = None
    stored: Stored | None = None
    outcome: Tree | None = None
    link: str = ""


def of_stored(status: int, stored: Stored) -> Kept:
    """Tell of a version that is at hand."""
    return Kept(
        status=status,
        identity=stored.identity,
        version=stored.version,
        at=stored.updated_at,
        stored=stored,
    )


async def parts(deps: Deps, ask: Ask, kept: Sequence[Kept], *, carried: bool) -> list[Part]:
    """Turn ends into parts of a response Bundle; `carried` takes the resources along."""
    return [
        Part(
            status=one.status,
            identity=one.identity,
            version=one.version,
            at=one.at,
            outcome=one.outcome,
            text=(await _stored(deps, ask, one)).text if carried and one.identity else "",
        )
        for one in kept
    ]


async def alone(deps: Deps, ask: Ask, kept: Kept) -> Answer:
    """Answer a write that came by itself."""
    if kept.identity is None:
        return Answer(status=HTTPStatus.NO_CONTENT)
    answer = written(ask, kept.status, await _stored(deps, ask, kept))
    if not kept.link:
        return answer
    headers = {**answer.headers, "link": f'<{kept.link}>; rel="related"'}
    return Answer(status=answer.status, body=answer.body, headers=headers)


async def _stored(deps: Deps, ask: Ask, kept: Kept) -> Stored:
    if kept.stored is not None:
        return kept.stored
    if kept.identity is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return await instance(deps, ask.caller, kept.identity, version=kept.version)
