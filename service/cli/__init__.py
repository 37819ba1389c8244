"""`tpi`: one module per command; none has logic, each calls what the doors call (UX §5)."""

from importlib.metadata import version
from typing import Annotated

import typer

from service.cli import clinic, keys, migrate, pack, placers
from service.cli.demo import demo
from service.cli.doctor import doctor
from service.cli.sandbox import sandbox
from service.cli.serve import serve, worker

app = typer.Typer(
    name="tpi",
    help="Referral intake for trigger point injections: screening, proposals, proven write-back.",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)
for _name, _commands in {
    "migrate": migrate.app,
    "clinic": clinic.app,
    "placers": placers.app,
    "keys": keys.app,
    "pack": pack.app,
}.items():
    app.add_typer(_commands, name=_name)


@app.callback()
def about(
    *,
    version_only: Annotated[bool, typer.Option("--version", help="Say it and end.")] = False,
) -> None:
    """Take a referral in, screen it, book it, prove that its record arrived.

    tpi demo
    """
    if version_only:
        typer.echo(version("tpi-intake"))
        raise typer.Exit


app.command()(serve)
app.command()(worker)
app.command()(doctor)
app.command()(sandbox)
app.command()(demo)


def main() -> None:
    """Run the command line."""
    app()
