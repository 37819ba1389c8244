"""`tpi pack`: the clinical content, checked and explained."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fhir_mappings.decide.pack_check import PackFacts, check_pack
from fhir_mappings.model.finding import Evidence
from service.cli.carry import carry_out
from service.cli.clinic import bytes_of
from service.cli.output import AsJson, Exit, Output, Plain
from service.content.definitions import load_shape
from service.content.load import load_pack
from service.deps import utc_now
from service.reads.explain import Explained, explained

app = typer.Typer(
    help="Check a content pack, and see why it says what it says.\n\n    tpi pack check",
    no_args_is_help=True,
    add_completion=False,
)

Directory = Annotated[
    Path | None, typer.Option("--pack", help="A pack's directory; none: the one we ship.")
]


@app.command()
def check(directory: Directory = None, *, as_json: AsJson = False, plain: Plain = False) -> None:
    """Load a pack as the service does; list what cannot act and what has no source.

    Exit 1 where a rule looks for a value set that nothing can match.
    """
    output = Output(as_json=as_json, plain=plain)

    async def work() -> PackFacts:
        return check_pack(load_pack(directory))

    pack = carry_out(output, work)
    for name in pack.dangling:
        output.result("dangling", value_set=name, what="neither codes nor words: never matched")
    for rule in pack.partial:
        output.result("partial", rule=rule, what="something of it stands only in words")
    for one in pack.unsourced:
        output.result("unsourced", rule=one.rule, what=one.what)
    output.result(
        "pack", name=pack.name, version=pack.version, rules=pack.rules,
        digest=pack.digest, clinically_reviewed=pack.signed,
    )  # fmt: skip
    if not pack.signed:
        output.say("Not clinically reviewed: no clinic's reviewer has signed this pack.")
    if pack.dangling:
        output.say("→ Give each of these sets codes or words, or take it from its rules.")
        raise typer.Exit(Exit.FAULT)


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
