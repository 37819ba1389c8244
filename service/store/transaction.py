"""One flow, one transaction: who asks is set before anything is read (DECISIONS 28).

Row security knows `app.tenant` and `app.placer`; both are set for this transaction only, in the
round trip that begins it. A COMMIT is never given up half-way: whoever cancels the flow waits for
its end (SECURITY F48), and a COMMIT whose answer was lost claims nothing (F47).
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

import anyio
import asyncpg
import stamina

from fhir_mappings.problems import Code, Problem, Refused
from service.store.pool import Conn, Pool
from service.store.refused import FAULTS, Again, lost, translated

P = ParamSpec("P")
T = TypeVar("T")

EVERY_PLACER: Final = "*"
"""`placer` of staff and workers: set on purpose, never by default."""

_WAIT_SECONDS: Final = 2.0  # L21
_TRIES: Final = 4  # the first and at most three more


@asynccontextmanager
async def transaction(
    pool: Pool, *, tenant: UUID, placer: str, locks: Iterable[int] = ()
) -> AsyncGenerator[Conn]:
    """Run the block in one transaction that sees the rows of `tenant` and `placer` only.

    `placer` is a placer's id or `EVERY_PLACER`. `locks` are advisory locks (`lock_key`) of this
    transaction, taken in order before the first statement has its snapshot.

    Raises Refused: busy, database-away, confirmation-lost, or what a constraint keeps; `Again`
    where `retried` runs the flow again.
    """
    begin = _begin(tenant, placer, locks)
    conn = await _lent(pool)
    try:
        await _told(conn, begin)
        try:
            yield conn
        except FAULTS as fault:
            await _to_its_end(_roll_back(conn))
            if isinstance(fault, asyncpg.ReadOnlySQLTransactionError):
                await pool.expire_connections()  # a fail-over left us at a standby (F12)
            raise translated(fault, closed=_gone(conn)) from fault
        except BaseException:  # also a cancellation: nothing of it stays, and it goes on
            await _to_its_end(_roll_back(conn))
            raise
        await _to_its_end(_commit(conn))
    finally:
        await pool.release(conn)  # shielded by the pool itself


@asynccontextmanager
async def unwalled(pool: Pool) -> AsyncGenerator[Conn]:
    """Lend a connection for one statement before a tenant is known: no setting, so no rows.

    Only SECURITY DEFINER functions that name their walls themselves answer here (STORAGE §3).

    Raises Refused: busy, database-away.
    """
    conn = await _lent(pool)
    try:
        yield conn
    except FAULTS as fault:
        raise translated(fault, closed=_gone(conn)) from fault
    finally:
        await pool.release(conn)  # shielded by the pool itself


def retried(flow: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[None, None, T]]:
    """Run a whole flow again, at most three times, where another got in its way (`Again`).

    A context and not stamina's decorator: that one hands every argument to the log hook.
    """

    @wraps(flow)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        async for attempt in stamina.retry_context(
            on=Again,
            attempts=_TRIES,
            timeout=None,
            wait_initial=0.01,
            wait_max=0.2,
            wait_jitter=0.05,
        ):
            with attempt:
                return await flow(*args, **kwargs)
        raise Again  # stamina raises the last one itself

    return run


def lock_key(*parts: str) -> int:
    """Return the advisory lock of one thing: the same parts are the same lock everywhere."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _begin(tenant: UUID, placer: str, locks: Iterable[int]) -> str:
    """Return BEGIN, both settings and the locks as one round trip of closed literals."""
    told = EVERY_PLACER if placer == EVERY_PLACER else str(UUID(placer))
    walls = f"set_config('app.tenant', '{UUID(str(tenant))}', true)"
    walls += f", set_config('app.placer', '{told}', true)"
    taken = [f"SELECT pg_advisory_xact_lock({int(key)})" for key in sorted(set(locks))]
    return "; ".join(["BEGIN", f"SELECT {walls}", *taken])


async def _lent(pool: Pool) -> Conn:
    try:
        return await pool.acquire(timeout=_WAIT_SECONDS)
    except TimeoutError as full:
        raise Refused(Problem(Code.BUSY)) from full
    except FAULTS as fault:
        raise translated(fault, closed=True) from fault


async def _told(conn: Conn, statement: str) -> None:
    try:
        await conn.execute(statement)
    except FAULTS as fault:
        await _to_its_end(_roll_back(conn))
        raise translated(fault, closed=_gone(conn)) from fault
    except BaseException:
        await _to_its_end(_roll_back(conn))
        raise


async def _commit(conn: Conn) -> None:
    try:
        done = await conn.execute("COMMIT")
    except FAULTS as fault:
        raise lost(fault, closed=_gone(conn)) from fault
    if done != "COMMIT":  # PostgreSQL's answer to COMMIT after a swallowed error is ROLLBACK
        raise RuntimeError("A statement of this transaction failed and its error was swallowed.")


async def _roll_back(conn: Conn) -> None:
    """Undo, or give the connection up where that does not work either."""
    if _gone(conn):
        return
    try:
        await conn.execute("ROLLBACK")
    except FAULTS:
        conn.terminate()  # the server rolls back what has lost its client


def _gone(conn: Conn) -> bool:
    """Say whether the connection is lost: the pool takes such a one back by itself."""
    try:
        return conn.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _to_its_end(work: Coroutine[None, None, T]) -> T:
    """Await work to its end whatever is cancelled meanwhile, then pass the cancellation on.

    Both walls are needed: anyio's scope cancels again and again while it is not shielded, and
    its shield does not hold against a plain `task.cancel()`.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            while not task.done():
                with suppress(asyncio.CancelledError):  # the first stands for all of them
                    await asyncio.wait({task})
        if task.cancelled():
            raise
        failed = task.exception()
        if failed is not None:
            raise failed from None
        raise
