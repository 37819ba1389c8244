"""`tpi sandbox`: a small FHIR R4 server that plays the referring EHR."""

import secrets
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer

from service import log
from service.cli.carry import carry_out, settings_or_fail
from service.cli.clinic import bytes_of
from service.cli.migrate import bring_up
from service.cli.output import AsJson, Output, Plain
from service.cli.running import answer_requests, listen, listening, stopped_by_signal
from service.deps import open_deps, open_owner_deps
from service.sandbox.app import make_sandbox, stand_up
from service.settings import Settings
from service.store import databases
from service.store.embedded import Urls

PORT: Final = 8090
_TOKEN_BYTES: Final = 32


def sandbox(
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen.")] = PORT,
    name: Annotated[str, typer.Option("--database", help="What it keeps.")] = "tpi_sandbox",
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin empty and keep nothing.")] = False,
    token_file: Annotated[
        Path | None, typer.Option(help="The bearer that it wants; none: a new one, printed.")
    ] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Run a persistent FHIR server of plain resources, in a database of its own.

    tpi sandbox --port 8090
    """
    output = Output(as_json=as_json, plain=plain)
    base = settings_or_fail(output).model_copy(update={"public_url": f"http://{host}:{port}"})
    settings = listening(base, host, port)
    log.configure(service="tpi-sandbox", version=version("tpi-intake"))
    token = carry_out(output, lambda: _token(token_file))
    with databases.lent(settings, name, fresh=fresh) as (urls,):
        output.result("sandbox", base=settings.fhir_base, token=token if not token_file else "")
        carry_out(output, lambda: _run(settings, urls, token))


async def _token(file: Path | None) -> str:
    if file is None:
        return secrets.token_urlsafe(_TOKEN_BYTES)
    return bytes_of(file).decode("ascii").strip()


async def _run(settings: Settings, urls: Urls, token: str) -> None:
    stop, door = stopped_by_signal(), listen(settings.host, settings.port)
    await bring_up(urls)
    async with open_owner_deps(settings, url=urls.owner) as owner:
        await stand_up(owner, token)
    async with open_deps(settings, "web", url=urls.web) as deps:
        await answer_requests(make_sandbox(deps), door, settings, stop)
