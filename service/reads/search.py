"""Which living resources of a type match?"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import NIL_SPACE, Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.query import Asked, Position
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import search as store
from service.store.resources import Stored
from service.store.transaction import transaction


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page; `next` is None on the last, `total` None where nobody asked and it is not known."""

    rows: tuple[Stored, ...]
    total: int | None
    next: Position | None


def spaces_of(caller: Caller, placer: UUID | None) -> Sequence[UUID]:
    """Return the spaces whose ids a caller's references may mean; none for staff who see all."""
    own = caller.placer or placer
    return (own, NIL_SPACE) if own else ()


async def search(deps: Deps, caller: Caller, asked: Asked, *, placer: UUID | None = None) -> Found:
    """Search what the caller sees.

    Raises:
        Refused: `role`; `which-placer` where staff name an id that two placers use.
    """
    allow(caller, Verb.READ)
    spaces = spaces_of(caller, placer) or None
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        if spaces is None and asked.query.targets:
            targets = [_identity(one) for one in asked.query.targets]
            if await store.in_several_spaces(conn, caller.tenant, targets):
                raise Refused(Problem(Code.WHICH_PLACER))
        rows: list[Stored] = []
        if asked.count:
            rows = await store.search(conn, asked.query, spaces=spaces, limit=asked.count + 1)
        whole = asked.count > 0 and len(rows) <= asked.count and asked.query.after is None
        total = len(rows) if whole else None
        if total is None and asked.total:
            total = await store.count(conn, asked.query, spaces=spaces)
    page = tuple(rows[: asked.count])
    return Found(rows=page, total=total, next=_next(page) if len(rows) > asked.count else None)


def _next(page: Sequence[Stored]) -> Position | None:
    if not page:
        return None
    last = page[-1]
    return Position(at=last.updated_at, rid=last.identity.rid, space=last.space)


def _identity(target: str) -> Identity:
    rtype, _, rid = target.partition("/")
    return Identity(rtype=rtype, rid=rid)
