"""`tpi serve` and `tpi worker`: the doors, the workers, or both in one process."""

import asyncio
import gc
import socket
from collections.abc import Coroutine
from enum import StrEnum
from importlib.metadata import version
from typing import Annotated

import typer

from fhir_mappings.decide.pack_check import check_pack
from fhir_mappings.model.pack import Pack
from service import log
from service.cli.carry import Unusable, carry_out, settings_or_fail
from service.cli.output import Output
from service.cli.running import (
    answer_requests,
    listen,
    listen_together,
    listening,
    stopped_by_signal,
    together,
)
from service.cli.siblings import run_siblings
from service.deps import Deps, open_deps
from service.http.app import make_app
from service.http.ops import OPEN_INSIDE as OPS
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
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the doors (web), the workers, or both; SIGTERM stops in order.

    tpi serve --role all --port 8080
    """
    output = Output()
    settings = listening(settings_or_fail(output), host, port)
    log.configure(service=f"tpi-{role.value}", version=version("tpi-intake"))

    async def work() -> None:
        stop, wake = stopped_by_signal(), Wake()
        if settings.processes > 1 and role is not Part.WORKER:
            await _several(settings, role, stop)
            return
        ops = listen(settings.host, settings.ops_port) if settings.ops_port else None
        parts: list[Coroutine[None, None, None]] = []
        with database(settings) as urls:
            await _expect_schema(urls)
            if role is not Part.WORKER:
                door = (
                    listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
                )
                parts.append(_doors(settings, urls, door, ops, stop, wake))
                ops = None
            if role is not Part.WEB:
                parts.append(_hands(settings, urls, ops, stop, wake))
            await together(parts, stop)

    carry_out(output, work)


def worker() -> None:
    """Run the workers: `tpi serve --role worker`.

    tpi worker
    """
    serve(role=Part.WORKER)


async def _several(settings: Settings, role: Part, stop: asyncio.Event) -> None:
    if role is Part.ALL:
        raise Unusable(
            "Several processes serve doors alone.", "Run `tpi serve` and `tpi worker` apart."
        )
    with database(settings) as urls:
        await _expect_schema(urls)
        doors = listen_together(settings.host, settings.port, settings.processes)
        await run_siblings(settings, doors, stop)


async def _doors(
    settings: Settings,
    urls: Urls,
    door: socket.socket,
    ops: socket.socket | None,
    stop: asyncio.Event,
    wake: Wake,
) -> None:
    async with open_deps(settings, "web", url=urls.web, wake=wake.hint) as deps:
        _tell_pack(deps.pack)
        answering = answer_requests(make_app(deps), door, settings, stop)
        _keep_for_good()
        await together([answering, *_ops(deps, ops, stop)], stop)


async def _hands(
    settings: Settings, urls: Urls, ops: socket.socket | None, stop: asyncio.Event, wake: Wake
) -> None:
    async with open_deps(settings, "worker", url=urls.worker, wake=wake.hint) as deps:
        _keep_for_good()
        _tell_pack(deps.pack)
        await together([supervise(deps, stop, wake), *_ops(deps, ops, stop)], stop)


def _tell_pack(pack: Pack) -> None:
    """Log which pack judges, and how many of its numbers no source backs (DECISIONS 9)."""
    unsourced = len(check_pack(pack).unsourced)
    told = f"{pack.name} {pack.version}"
    if pack.reviewed_by:
        log.logger().info("pack.reviewed", pack=told, count=unsourced)
    else:
        log.logger().warning("pack.not-reviewed", pack=told, count=unsourced)


def _keep_for_good() -> None:
    """Spare the collector what stays until the process ends: pack, schema, modules.

    Each full collection looked through 90,000 objects of theirs, and every request waited for it:
    0.1 to 0.2 s, the slowest of a hundred.
    """
    gc.collect()
    gc.freeze()


def _ops(
    deps: Deps, at: socket.socket | None, stop: asyncio.Event
) -> list[Coroutine[None, None, None]]:
    """Tell an operator's tools on a port of their own whether this process lives and is ready."""
    if at is None:
        return []
    app = make_app(deps, routes=(), open_routes=OPS)
    return [answer_requests(app, at, deps.settings, stop)]


async def _expect_schema(urls: Urls) -> None:
    conn = await connect(urls.web)
    try:
        await expect_schema(conn)
    finally:
        await conn.close()
