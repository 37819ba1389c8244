"""`tpi pack adopt`: another pack for a clinic, looked at before it takes effect."""

from pathlib import Path
from typing import Annotated

import typer

from fhir_mappings.model.caller import Caller, service_caller
from fhir_mappings.model.pack import Pack
from service.cli.carry import Unusable, carry_out, settings_or_fail
from service.cli.output import AsJson, Output, Plain
from service.cli.owner import owner_deps, tenants
from service.cli.pack_screens import BaseFolder, expect_right, told_change
from service.content.load import load_pack
from service.deps import Deps
from service.flows.adopt_pack import AdoptPack, PackAdopted, adopt_pack
from service.reads.pack_change import PackChange, pack_change
from service.reads.pack_examples import try_examples
from service.settings import Settings


def adopt(
    directory: Annotated[
        Path | None, typer.Argument(help="The pack's folder; none: the one that we ship.")
    ] = None,
    *,
    base: BaseFolder = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it would change.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who decided it.")] = "",
    why: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Adopt a pack: note it, and have every open referral that another one judged screened again.

    `--dry-run` screens the open referrals by the pack in force and by this one, and tells them
    apart. One pack judges for all clinics of a database. After adopting, start web and worker anew
    with TPI_PACK: until then a worker with another pack screens nothing again.
    """
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)
    if dry_run:
        for clinic, change in carry_out(output, lambda: _look(settings, directory, base)):
            _told(output, clinic, change)
        return

    async def work() -> list[tuple[str, PackAdopted]]:
        if not by or not why:
            raise Unusable("Who decided it, and why?", "Give --by and --why, or --dry-run.")
        command = AdoptPack(pack=_tried(settings, directory, base), set_by=by, why=why)
        async with owner_deps(settings) as deps:
            return [
                (name, await adopt_pack(deps, caller, command))
                for name, caller in await _clinics(deps)
            ]

    for clinic, done in carry_out(output, work):
        output.result("adopted", clinic=clinic, again=done.again, waiting=done.waiting)
    folder = f"TPI_PACK={directory}" if directory else "no TPI_PACK"
    output.say(f"Start web and worker anew with {folder}: what waits is screened again then.")


async def _look(
    settings: Settings, directory: Path | None, base: Path | None
) -> list[tuple[str, PackChange]]:
    pack = _tried(settings, directory, base)
    async with owner_deps(settings) as deps:
        return [
            (name, await pack_change(deps, caller, pack)) for name, caller in await _clinics(deps)
        ]


async def _clinics(deps: Deps) -> list[tuple[str, Caller]]:
    """Return every clinic by its name, and the caller that acts for it."""
    every = await tenants(deps)
    if not every:
        raise Unusable("No clinic is set up in this database.", "Run `tpi clinic apply FILE`.")
    return [(one.name, service_caller(one.id, one.zone)) for one in every]


def _tried(settings: Settings, directory: Path | None, base: Path | None) -> Pack:
    under = base or settings.pack_base
    expect_right(try_examples(directory, base=under))
    return load_pack(directory, base=under, reviewers=settings.pack_reviewers)


def _told(output: Output, clinic: str, change: PackChange) -> None:
    for one in change.changed:
        output.result(
            "changed", referral=str(one.referral), stage=one.stage,
            waits_for=f"{one.open_before.value} → {one.open_after.value}",
            rules=tuple(map(told_change, one.difference.changes)), decisions_fall=one.fallen,
        )  # fmt: skip
    output.result(
        "change", clinic=clinic, open=change.looked, changed=len(change.changed),
        outcome=sum(one.open_before is not one.open_after for one in change.changed),
        decisions_fall=sum(bool(one.fallen) for one in change.changed),
    )  # fmt: skip
