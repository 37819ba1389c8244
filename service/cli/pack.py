"""`tpi pack`: the clinical content, checked and explained."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fhir_mappings.model.finding import Evidence
from fhir_mappings.model.pack import Pack
from service.cli.carry import carry_out
from service.cli.clinic import bytes_of
from service.cli.output import AsJson, Output, Plain
from service.content.definitions import load_shape
from service.content.load import load_pack
from service.deps import utc_now
from service.reads.explain import Explained, explained

app = typer.Typer(
    help="Check a content pack, and see why it says what it says.\n\n    tpi pack check",
    no_args_is_help=True,
    add_completion=False,
)

LOCAL_DEFAULT = "local-default"
"""The origin of a number that no published source gives (rules.schema.json)."""

Directory = Annotated[
    Path | None, typer.Option("--pack", help="A pack's directory; none: the one we ship.")
]


@app.command()
def check(directory: Directory = None, *, as_json: AsJson = False, plain: Plain = False) -> None:
    """Load a pack as the service does; list what stands only in words or has no source."""
    output = Output(as_json=as_json, plain=plain)

    async def work() -> Pack:
        return load_pack(directory)

    pack = carry_out(output, work)
    for rule in pack.partial:
        output.result("partial", rule=rule, what="something of it stands only in words")
    for rule, what in unsourced(pack):
        output.result("unsourced", rule=rule, what=what)
    output.result(
        "pack", name=pack.name, version=pack.version, rules=len(pack.content.rules),
        digest=pack.digest, clinically_reviewed=pack.content.clinically_reviewed,
    )  # fmt: skip
    if not pack.content.clinically_reviewed:
        output.say("Not clinically reviewed: no clinic's reviewer has signed this pack.")


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(help="A transaction Bundle with one order.")],
    *,
    directory: Directory = None,
    planned: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the injection.")
    ] = None,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the screening.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="As the pack names it.")] = None,
    show_phi: Annotated[
        bool, typer.Option("--show-phi", help="Show the patient's values and dates too.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Screen one Bundle offline: what became of every rule, with its evidence."""
    output = Output(as_json=as_json, plain=plain)
    day = (today or utc_now()).date()

    async def work() -> Explained:
        return explained(
            bytes_of(file),
            load_pack(directory),
            load_shape(),
            day=day,
            planned=planned.date() if planned else None,
            variant=variant,
        )

    said = carry_out(output, work)
    for one in said.verdicts:
        evidence = () if one.finding is None else one.finding.evidence
        told = tuple(_place(at, show_phi=show_phi) for at in evidence)
        output.result(
            "rule", rule=one.rule, verdict=one.ruling.value, title=one.title,
            evidence=told or (one.because,),
        )  # fmt: skip
    output.result("outcome", outcome=said.screening.outcome.value, planned=said.screening.planned)


def _place(evidence: Evidence, *, show_phi: bool) -> str:
    where = f"{evidence.path} by {evidence.how}"
    return f"{where}: {evidence.value} {evidence.date}".rstrip() if show_phi else where


def unsourced(pack: Pack) -> list[tuple[str, str]]:
    """Return the thresholds that no published source gives (DECISIONS 9), by rule."""
    return [
        (rule.id, threshold.what)
        for rule in pack.content.rules
        for threshold in rule.thresholds
        if threshold.origin == LOCAL_DEFAULT
    ]
