"""The versions of one resource, newest first."""

from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from fhir_mappings.model.json import Identity
from fhir_mappings.parse.query import CURSOR, IGNORED
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.searchset import Version, historyset
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir.conditional import named_placer
from service.http.fhir.served import SERVED, Interaction
from service.reads.history import history
from service.reads.instance import Stored

DIGITS_MOST: Final = 9


async def versions(rtype: str, deps: Deps, ask: Ask) -> Answer:
    """Answer one page of a resource's history; `_count` is offered and nothing else."""
    identity = Identity(rtype=rtype, rid=ask.part("rid"))
    asked = _asked(ask)
    limit = min(asked.get("_count", deps.settings.page_rows), deps.settings.page_rows_most)
    before = asked.get(CURSOR)
    rows, total = await history(
        deps, ask.caller, identity, limit=limit, before=before, placer=named_placer(ask)
    )
    address = f"{ask.base}/{identity}"
    links = [("self", f"{address}/_history")]
    if rows and rows[-1].version > 1:
        pairs = {"_count": str(limit), CURSOR: str(rows[-1].version)}
        links.append(("next", f"{address}/_history?{urlencode(pairs)}"))
    body = historyset((_version(one, address) for one in rows), total=total, links=links)
    return Answer(status=HTTPStatus.OK, body=body)


def _version(one: Stored, address: str) -> Version:
    return Version(
        full_url=address,
        address=str(one.identity),
        rtype=one.identity.rtype,
        version=one.version,
        at=one.updated_at,
        text=one.text,
        deleted=one.deleted,
    )


def _asked(ask: Ask) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in ask.query:
        if name in IGNORED:
            continue
        if name not in {"_count", CURSOR}:
            raise Refused(Problem(Code.UNKNOWN_PARAMETER))
        number = value.isascii() and value.isdigit() and len(value) <= DIGITS_MOST
        if not number or name in found:
            raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
        found[name] = int(value)
    return found


ROUTES: Final = tuple(
    Route("GET", f"{BASE_PATH}/{rtype}/{{rid}}/_history", partial(versions, rtype))
    for rtype, row in SERVED.items()
    if Interaction.HISTORY in row.interactions
)
