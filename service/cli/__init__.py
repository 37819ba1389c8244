"""`tpi`: one module per command; none has logic, each calls what the doors call (UX §5).

A command's module is loaded when it is called: `tpi migrate status` needs no web framework.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import version
from types import MappingProxyType
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperGroup

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "demo": "service.cli.demo:demo",
        "serve": "service.cli.serve:serve",
        "worker": "service.cli.serve:worker",
        "sandbox": "service.cli.sandbox:sandbox",
        "migrate": "service.cli.migrate:app",
        "clinic": "service.cli.clinic:app",
        "placers": "service.cli.placers:app",
        "keys": "service.cli.keys:app",
        "feedback": "service.cli.feedback:feedback",
        "pack": "service.cli.pack:app",
        "doctor": "service.cli.doctor:doctor",
    }
)
"""Each command and where it stands: a function, or a group of them."""


class _Commands(TyperGroup):
    """The table of commands, each loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer hides click's classes
        """Name them in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Load one, None where there is none of that name."""
        del ctx
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, member = place.partition(":")
        loaded: object = getattr(import_module(module), member)
        if isinstance(loaded, typer.Typer):
            command = typer.main.get_command(loaded)
        else:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command()(cast("Callable[..., None]", loaded))
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="tpi", cls=_Commands, no_args_is_help=True, invoke_without_command=True,
    pretty_exceptions_enable=False,
)  # fmt: skip


@app.callback()
def about(
    *,
    version_only: Annotated[bool, typer.Option("--version", help="Say it and end.")] = False,
) -> None:
    """Take a referral in, screen it, book it, and prove that its record arrived.

    tpi demo
    """
    if version_only:
        typer.echo(version("tpi-intake"))
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app()
