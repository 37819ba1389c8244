"""`tpi migrate`: shows the SQL before it runs it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import typer

from service.cli.carry import carry_out, settings_or_fail
from service.cli.output import AsJson, Exit, Output, Plain
from service.settings import Settings
from service.store import migrate, roles
from service.store.embedded import Urls, database
from service.store.pool import connect
from service.store.roles import Direct

app = typer.Typer(
    help="Bring the database's schema to this program's.\n\n    tpi migrate plan; tpi migrate up",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def plan(*, as_json: AsJson = False, plain: Plain = False) -> None:
    """Show what `up` would run."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> None:
        async with _owner(settings) as conn:
            for number, one in enumerate((await migrate.status(conn)).pending, start=1):
                output.result("migration", number=number, name=one.name, sql=one.text)

    carry_out(output, work)


@app.command()
def up(*, as_json: AsJson = False, plain: Plain = False) -> None:
    """Apply what is pending; again does nothing."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> None:
        with database(settings) as urls:
            for number, one in enumerate(await bring_up(urls), start=1):
                output.result("applied", number=number, name=one)

    carry_out(output, work)
    output.say("The schema is this program's.")


@app.command()
def status(*, as_json: AsJson = False, plain: Plain = False) -> None:
    """Say where the database stands; exit 1 where it is not ours."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> migrate.Status:
        async with _owner(settings) as conn:
            return await migrate.status(conn)

    found = carry_out(output, work)
    for state, names in (
        ("applied", found.applied),
        ("pending", tuple(one.name for one in found.pending)),
        ("changed", found.changed),
        ("unknown", found.unknown),
    ):
        for name in names:
            output.result("migration", state=state, name=name)
    if found.pending or found.changed or found.unknown:
        raise typer.Exit(Exit.FAULT)


@app.command("roles")
def make_roles(*, as_json: AsJson = False, plain: Plain = False) -> None:
    """Make the roles, or print the SQL for one who may."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> tuple[str, ...]:
        async with _owner(settings) as conn:
            return await roles.make_roles(conn, login=settings.owner_url() is None)

    left = carry_out(output, work)
    for number, statement in enumerate(left, start=1):
        output.result("sql", number=number, statement=statement)
    if left:
        output.say("This login may not run the lines above. Let an administrator run them.")
        raise typer.Exit(Exit.FAULT)


async def bring_up(urls: Urls) -> tuple[str, ...]:
    """Make the roles where this login may, apply what is pending, return its names."""
    conn = await connect(urls.owner)
    try:
        await roles.make_roles(conn, login=urls.private)
        return tuple(one.name for one in await migrate.up(conn))
    finally:
        await conn.close()


@asynccontextmanager
async def _owner(settings: Settings) -> AsyncGenerator[Direct]:
    with database(settings) as urls:
        conn = await connect(urls.owner)
        try:
            yield conn
        finally:
            await conn.close()
