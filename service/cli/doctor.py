"""`tpi doctor`: what is right, what is not, and what to do about it."""

from collections.abc import Iterator
from typing import Annotated

import typer

from service.cli.carry import carry_out, settings_or_fail
from service.cli.diagnoses import Check, Level, content, installation, program, server_of
from service.cli.output import AsJson, Exit, Output, Plain
from service.cli.owner import ClinicName
from service.settings import Settings, variable
from service.store.embedded import database


def doctor(
    *,
    placer: Annotated[str, typer.Option(help="Look at this placer's server too.")] = "",
    settings_too: Annotated[
        bool, typer.Option("--settings", help="List every setting and where it comes from.")
    ] = False,
    clinic: ClinicName = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Look at settings, database, content and queue; exit 1 where something fails.

    tpi doctor --placer "Northside EHR"
    """
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)
    if settings_too:
        for name, value, source in told_settings(settings):
            output.result("setting", name=name, value=value, source=source)

    async def work() -> list[Check]:
        found = [*program(), *content(settings)]
        with database(settings) as urls:
            found += [one async for one in installation(settings, urls)]
        if placer:
            found += await server_of(settings, clinic, placer)
        return found

    checks = carry_out(output, work)
    for one in checks:
        output.result("check", **one._asdict())
    if any(one.level is Level.FAIL for one in checks):
        raise typer.Exit(Exit.FAULT)


def told_settings(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield each setting: its variable, its value (never a secret's), where it comes from."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        hidden = "SecretStr" in str(field.annotation) and value is not None
        source = "set" if name in settings.model_fields_set else "default"
        yield variable(name, field), "(secret)" if hidden else str(value), source
