"""An application run by uvicorn inside our own loop, and stopped in order by a signal."""

import asyncio
import signal
import socket
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import uvicorn

from service.cli.carry import Unusable
from service.settings import Settings


def listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    """Return the settings with another address to listen on.

    Where clients reach us follows, unless it was said on purpose.
    """
    chosen = settings.model_copy(
        update={"host": host or settings.host, "port": settings.port if port is None else port}
    )
    if "public_url" in settings.model_fields_set or port is None:
        return chosen
    return chosen.model_copy(update={"public_url": f"http://{chosen.host}:{chosen.port}"})


def stopped_by_signal() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    return stop


def listen(host: str, port: int) -> socket.socket:
    """Take an address, before anything else is started.

    Raises:
        Unusable: it is taken, or not ours to take.
    """
    return _taken(host, port)


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Take an address with so many sockets; the kernel deals its connections out among them.

    On one socket whoever is idle first takes whatever has come: eight connections that were opened
    at a quiet moment were all one process's.

    Raises:
        Unusable: it is taken, by such a group too, or not ours to take.
    """
    _taken(host, port).close()  # a group would be joined silently
    first = _taken(host, port, shared=True)
    same = first.getsockname()[1]  # of port 0 too
    return [first, *(_taken(host, same, shared=True) for _ in range(count - 1))]


def _taken(host: str, port: int, *, shared: bool = False) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048, reuse_port=shared)
    except OSError as taken:
        raise Unusable(
            f"{host}:{port} cannot be listened on ({taken.strerror}).",
            "Stop what uses it, or set TPI_PORT and TPI_OPS_PORT to others (0 for no ops port).",
        ) from taken


async def answer_requests(
    app: object, at: socket.socket, settings: Settings, stop: asyncio.Event
) -> None:
    """Answer until told to stop, then let running requests end (L22).

    httptools, never h11 alone (DECISIONS 8). No access log of the server's: ours has the route
    and no address (SECURITY §5). Proxy headers are nobody's word.
    """
    config = uvicorn.Config(
        cast("Any", app),  # an ASGI application; litestar and uvicorn name its type differently
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.stop_seconds),
    )
    server = _Server(config)

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    waiting = asyncio.create_task(end())
    try:
        await server.serve(sockets=[at])
    finally:
        waiting.cancel()


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again at its end, before our pools are closed."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


async def together(parts: Sequence[Coroutine[None, None, None]], stop: asyncio.Event) -> None:
    """Run the parts until all have ended; where one ends the others are asked to stop."""
    tasks = [asyncio.ensure_future(one) for one in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait(tasks)
    for one in tasks:
        one.result()
