"""The same request with the same Idempotency-Key gets the same answer (PROTOCOL §2.1, ours)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import msgspec

from fhir_mappings.model.caller import Caller
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import idempotency
from service.store.idempotency import Kept
from service.store.transaction import retried, transaction

__all__ = ["Kept", "Once", "answer_once"]

_KEPT_FOR: Final = timedelta(hours=48)  # SECURITY L15


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's key, and the digest of what it asks: method, address and bytes."""

    key: str
    digest: bytes


async def answer_once(
    deps: Deps, caller: Caller, once: Once, work: Callable[[], Awaitable[Kept]]
) -> Kept:
    """Return the kept answer of a key, or do the work and keep its answer.

    What is refused is not kept: nothing was done, and it may be sent again. The work has
    transactions of its own; a process that dies between it and the keeping leaves the key running
    for the longest time that a request may take, and then the work is done again: each of our
    flows is safe against that by its own keys, a plain create is not.

    Raises:
        Refused: `key-reused` for other bytes under the key; `key-running` while the first is not
            answered; what the work refuses.
    """
    kept = await _claim(deps, caller, once)
    if kept is not None:
        return kept
    try:
        answer = await work()
    except BaseException:
        await _free(deps, caller, once)
        raise
    await _keep(deps, caller, once, answer)
    return answer


@retried
async def _claim(deps: Deps, caller: Caller, once: Once) -> Kept | None:
    now = deps.now()
    stale = now - timedelta(seconds=deps.settings.request_seconds)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        standing = await idempotency.claim(
            conn, caller, once.key, once.digest, at=now, oldest=now - _KEPT_FOR, stale=stale
        )
    if standing is None:
        return None
    if standing.digest != once.digest:
        raise Refused(Problem(Code.KEY_REUSED))
    if standing.kept is None:
        raise Refused(Problem(Code.KEY_RUNNING))
    return standing.kept


@retried
async def _keep(deps: Deps, caller: Caller, once: Once, answer: Kept) -> None:
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        await idempotency.keep(conn, caller, once.key, answer)


@retried
async def _free(deps: Deps, caller: Caller, once: Once) -> None:
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        await idempotency.free(conn, caller, once.key)
