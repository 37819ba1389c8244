"""`tpi feedback`: what clinicians at the EHRs did with our cards, rule by rule."""

from datetime import timedelta
from typing import Annotated

import typer

from service.cli.carry import carry_out, settings_or_fail
from service.cli.output import AsJson, Output, Plain
from service.cli.owner import ClinicName, operator_of, owner_deps
from service.reads.feedback import feedback as read
from service.store.cards import Figures


def feedback(
    *,
    days: Annotated[int, typer.Option(min=1, help="Cards shown in the last days.")] = 90,
    clinic: ClinicName = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Say for each rule how often its card was shown, accepted and overridden, and why.

    tpi feedback --days 30
    """
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> list[Figures]:
        async with owner_deps(settings) as deps:
            caller = await operator_of(deps, clinic)
            return await read(deps, caller, since=deps.now() - timedelta(days=days))

    for one in carry_out(output, work):
        output.line(
            "rule", _told(one), rule=one.rule, shown=one.shown, accepted=one.accepted,
            overridden=one.overridden, reasons=one.reasons,
        )  # fmt: skip


def _told(one: Figures) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in one.reasons.items())
    said = f"{one.rule}  shown {one.shown}, accepted {one.accepted}, overridden {one.overridden}"
    return f"{said} ({reasons})" if reasons else said
