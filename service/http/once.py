"""Idempotency-Key: a door that changes something answers the same request the same way."""

import hashlib
from typing import Final

from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.flows.answer_once import Kept, Once, answer_once
from service.http.exchange import Act, Answer, Ask

HEADER: Final = "idempotency-key"
UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LONGEST: Final = 255


def once(act: Act) -> Act:
    """Wrap a door; a request without the header goes straight to it."""

    async def run(deps: Deps, ask: Ask) -> Answer:
        key = ask.header(HEADER)
        if not key or ask.method not in UNSAFE:
            return await act(deps, ask)
        if len(key) > LONGEST or not key.isprintable():
            raise Refused(Problem(Code.KEY_FORM))
        kept = await answer_once(deps, ask.caller, _asked(ask, key), lambda: _kept(act, deps, ask))
        return Answer(status=kept.status, body=kept.body, headers=kept.headers)

    return run


def _asked(ask: Ask, key: str) -> Once:
    said = "\x1f".join([ask.method, ask.path, repr(ask.query)]).encode()
    return Once(key=key, digest=hashlib.sha256(said + b"\x1f" + ask.body).digest())


async def _kept(act: Act, deps: Deps, ask: Ask) -> Kept:
    answer = await act(deps, ask)
    return Kept(status=answer.status, headers=answer.headers, body=answer.body)
