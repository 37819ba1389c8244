"""`tpi serve` and `tpi worker`: the doors, the workers, or both in one process."""

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from importlib.metadata import version
from typing import Annotated

import typer

from service import log
from service.cli.carry import carry_out, settings_or_fail
from service.cli.output import Output
from service.cli.running import answer_requests, listening, stopped_by_signal
from service.deps import open_deps
from service.http.app import make_app
from service.settings import Settings
from service.store.embedded import Urls, database
from service.store.migrate import expect_schema
from service.store.pool import connect
from service.workers.supervisor import supervise
from service.workers.wake import Wake

Host = Annotated[str | None, typer.Option(help="Where to listen; TPI_HOST.")]
Port = Annotated[int | None, typer.Option(help="Where to listen; TPI_PORT.")]


class Part(StrEnum):
    """What a process does."""

    WEB = "web"
    WORKER = "worker"
    ALL = "all"


def serve(
    *,
    role: Annotated[Part, typer.Option(help="Scale web and worker apart.")] = Part.WEB,
    host: Host = None,
    port: Port = None,
) -> None:
    """Run the doors (web), the workers, or both; SIGTERM stops in order.

    tpi serve --role all --port 8080
    """
    output = Output()
    settings = listening(settings_or_fail(output), host, port)
    log.configure(service=f"tpi-{role.value}", version=version("tpi-intake"))

    async def work() -> None:
        stop, wake = stopped_by_signal(), Wake()
        with database(settings) as urls:
            await _expect_schema(urls)
            parts: list[Coroutine[None, None, None]] = []
            if role in {Part.WEB, Part.ALL}:
                parts.append(_doors(settings, urls, stop, wake))
            if role in {Part.WORKER, Part.ALL}:
                parts.append(_hands(settings, urls, stop, wake))
            await _together(parts, stop)

    carry_out(output, work)


def worker() -> None:
    """Run the workers: `tpi serve --role worker`.

    tpi worker
    """
    serve(role=Part.WORKER, host=None, port=None)


async def _doors(settings: Settings, urls: Urls, stop: asyncio.Event, wake: Wake) -> None:
    async with open_deps(settings, "web", url=urls.web, wake=wake.hint) as deps:
        await answer_requests(make_app(deps), settings, stop)


async def _hands(settings: Settings, urls: Urls, stop: asyncio.Event, wake: Wake) -> None:
    async with open_deps(settings, "worker", url=urls.worker, wake=wake.hint) as deps:
        await supervise(deps, stop, wake)


async def _expect_schema(urls: Urls) -> None:
    conn = await connect(urls.web)
    try:
        await expect_schema(conn)
    finally:
        await conn.close()


async def _together(parts: list[Coroutine[None, None, None]], stop: asyncio.Event) -> None:
    """Run the parts until all have ended; where one fails the others are asked to stop."""
    tasks = [asyncio.ensure_future(one) for one in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait(tasks)
    for one in tasks:
        one.result()
