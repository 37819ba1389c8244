"""`tpi clinic`: the clinic, its people and their roles, its rooms and schedules, from one file."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.carry import Unusable, carry_out, settings_or_fail
from service.cli.output import AsJson, Output, Plain
from service.cli.owner import owner_deps
from service.flows.apply_clinic import ApplyClinic, ClinicApplied, apply_clinic

app = typer.Typer(
    help="Set a clinic up, or change it.\n\n    tpi clinic apply clinic.json",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def group() -> None:
    """Keep `apply` a command of its own, so that others may stand beside it."""


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A transaction Bundle of PUTs.")],
    *,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make the clinic what the file says; the same file again changes nothing."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> ClinicApplied:
        command = ApplyClinic(body=bytes_of(file))
        async with owner_deps(settings) as deps:
            return await apply_clinic(deps, command)

    done = carry_out(output, work)
    for one in done.applied:
        output.result("part", turn=one.turn.value, what=one.what)
    for cut in done.windows:
        output.result(
            "windows", schedule=cut.schedule, kept=cut.kept, opened=cut.opened,
            dropped=cut.dropped, listed=len(cut.listed),
        )  # fmt: skip
        for window in cut.listed:
            output.say(f"A person must see to the appointment at {window.start.isoformat()}.")


def bytes_of(file: Path) -> bytes:
    """Read a file that somebody named.

    Raises:
        Unusable: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as unreadable:
        raise Unusable(
            f"{file} cannot be read ({unreadable.strerror}).", "Name a file that can be."
        ) from unreadable
