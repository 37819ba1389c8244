"""`tpi`: one module per command; none has logic, each calls what the doors call (UX §5)."""

import typer

from service.cli import migrate

app = typer.Typer(
    name="tpi",
    help="Referral intake for trigger point injections: screening, proposals, proven write-back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(migrate.app, name="migrate")


def main() -> None:
    """Run the command line."""
    app()
