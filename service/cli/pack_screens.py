"""`tpi pack explain|test|diff`: what a pack says of referrals, without a database."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from fhir_mappings.decide.pack_diff import Change, Difference
from fhir_mappings.decide.screening import Ruling, Verdict
from fhir_mappings.model.finding import Evidence
from fhir_mappings.model.lift import Datum, Decision, Lift
from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.shape import Shape
from fhir_mappings.problems import Refused
from fhir_mappings.render.lifted_by import sentence
from service.cli.carry import Unusable, carry_out, settings_or_fail
from service.cli.clinic import bytes_of
from service.cli.output import AsJson, Exit, Output, Plain
from service.cli.pack_words import NOTHING, kept_out, not_for
from service.content.definitions import load_shape
from service.content.load import load_pack
from service.deps import utc_now
from service.reads.explain import Explained, compared, explained
from service.reads.pack_examples import Trial, Tried, try_examples

Directory = Annotated[
    Path | None, typer.Option("--pack", help="A pack's folder; none: the one in force (TPI_PACK).")
]
BaseFolder = Annotated[
    Path | None, typer.Option("--base", help="Folder of the pack that it changes; none: ours.")
]
Today = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the screening.")]


def explain(
    file: Annotated[Path, typer.Argument(help="A transaction Bundle with one order.")],
    *,
    directory: Directory = None,
    base: BaseFolder = None,
    planned: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the injection.")
    ] = None,
    today: Today = None,
    variant: Annotated[str | None, typer.Option(help="As the pack names it.")] = None,
    show_phi: Annotated[
        bool, typer.Option("--show-phi", help="Show the patient's values and dates too.")
    ] = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Screen one Bundle offline: which rules fired, which did not, and why."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)
    day = (today or utc_now()).date()

    async def work() -> Explained:
        return explained(
            bytes_of(file),
            load_pack(directory or settings.pack, base=base or settings.pack_base),
            load_shape(),
            day=day,
            planned=planned.date() if planned else None,
            variant=variant,
        )

    said = carry_out(output, work)
    lifted = {one.rule: one.lifts for one in said.screening.findings}
    for one in sorted(said.verdicts, key=_first):
        found = one.finding
        output.result(
            "rule", rule=one.rule, verdict=one.ruling.value, title=one.title,
            action=found.action.value if found else "",
            evidence=tuple(_why(one, show_phi=show_phi)),
            says=found.scheduler if found else "",
            lifted_by=tuple(_lifts(lifted.get(one.rule, ()), show_phi=show_phi)),
        )  # fmt: skip
    output.result("outcome", outcome=said.screening.outcome.value, planned=said.screening.planned)


def _first(verdict: Verdict) -> int:
    """Rank what a reader looks for: what fired, what nearly did, then the rest as in the pack."""
    if verdict.ruling in {Ruling.FIRED, Ruling.FAILED}:
        return 0
    return 1 if verdict.near else 2


def _why(verdict: Verdict, *, show_phi: bool) -> Iterator[str]:
    """Say what made a rule fire, or what kept it from it."""
    match verdict.ruling:
        case Ruling.NOT_APPLICABLE:
            yield not_for(verdict.because)
        case Ruling.FAILED:
            yield "could not be evaluated: a person must look"
        case Ruling.FIRED:
            found = verdict.finding.evidence if verdict.finding else ()
            yield from (_place(at, show_phi=show_phi) for at in found)
        case Ruling.NOT_FIRED:
            for near in verdict.near:
                places = "; ".join(_place(at, show_phi=show_phi) for at in near.evidence)
                yield f"{kept_out(near.member)} ({places})"
            if not verdict.near:
                yield NOTHING


def _lifts(lifts: Iterable[Lift], *, show_phi: bool) -> Iterator[str]:
    """Say what would lift a finding; days and drugs are the patient's."""
    for one in lifts:
        if show_phi or isinstance(one, Datum | Decision):
            yield sentence(one)


def _place(evidence: Evidence, *, show_phi: bool) -> str:
    where = f"{evidence.path} by {evidence.how}"
    return f"{where}: {evidence.value} {evidence.date}".rstrip() if show_phi else where


def try_out(
    *,
    directory: Directory = None,
    base: BaseFolder = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Screen a pack's own examples, and those of the pack that it changes.

    Exit 1 where one of them gives other findings than it says.
    """
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> Trial:
        return try_examples(directory or settings.pack, base=base or settings.pack_base)

    trial = carry_out(output, work)
    wrong = trial.wrong
    for one in wrong:
        output.result("wrong", example=one.example.name, differs=tuple(_differs(one)))
    for rule, shows in trial.lacking.items():
        output.result("lacking", rule=rule, shows=shows)
    output.result(
        "examples", tried=len(trial.tried), right=len(trial.tried) - len(wrong), wrong=len(wrong)
    )
    if wrong:
        output.say(
            "→ Correct the pack; or say in its own examples.json, by the same name, what is meant."
        )
        raise typer.Exit(Exit.FAULT)


def expect_right(trial: Trial) -> None:
    """Let a pack pass whose examples are all right (SECURITY T60).

    Raises:
        Unusable: one is wrong.
    """
    if trial.wrong:
        raise Unusable(f"{len(trial.wrong)} of its examples are wrong.", "Run `tpi pack test`.")


def _differs(tried: Tried) -> Iterator[str]:
    wanted, found = tried.example.findings, tried.findings
    for rule in sorted(wanted.keys() | found.keys()):
        if wanted.get(rule) != found.get(rule):
            yield f"{rule}: {wanted.get(rule, 'silent')} wanted, {found.get(rule, 'silent')} found"
    if tried.outcome != tried.example.outcome.value:
        yield f"outcome: {tried.example.outcome.value} wanted, {tried.outcome} found"


def diff(
    before: Annotated[
        Path, typer.Argument(help="Folder of the pack that judges now, or `shipped`.")
    ],
    after: Annotated[Path, typer.Argument(help="Folder of the pack to look at.")],
    bundles: Annotated[Path, typer.Argument(help="Folder of transaction Bundles (*.json).")],
    *,
    base: BaseFolder = None,
    today: Today = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Screen each Bundle of a folder by two packs: what would be said otherwise."""
    output = Output(as_json=as_json, plain=plain)
    day = (today or utc_now()).date()
    files = sorted(bundles.glob("*.json"))

    async def work() -> list[tuple[str, Difference | None]]:
        if not files:
            raise Unusable(f"{bundles} holds no *.json.", "Name a folder of Bundles.")
        old = load_pack(None if before == Path("shipped") else before, base=base)
        new = load_pack(after, base=base)
        shape = load_shape()
        return [(one.name, _compared(bytes_of(one), old, new, shape, day)) for one in files]

    found = carry_out(output, work)
    for name, one in found:
        if one is None:
            output.result("refused", file=name, what="the door would refuse it")
        elif not one.same:
            told = f"{one.before.value} → {one.after.value}"
            rules = tuple(map(told_change, one.changes))
            output.result("changed", file=name, outcome=told, rules=rules)
    changes = (change for _, one in found if one for change in one.changes)
    for change, times in Counter(map(told_change, changes)).most_common():
        output.result("rule", change=change, bundles=times)
    kinds = Counter(_kind(one) for _, one in found)
    output.result(
        "difference", bundles=len(files), same=kinds["same"], outcome=kinds["outcome"],
        findings=kinds["findings"], refused=kinds["refused"],
    )  # fmt: skip


def _compared(body: bytes, old: Pack, new: Pack, shape: Shape, day: date) -> Difference | None:
    """Compare two packs over one Bundle; None where the door would refuse it."""
    try:
        return compared(body, old, new, shape, day=day)
    except Refused:
        return None


def _kind(one: Difference | None) -> str:
    """Sort a Bundle: same, another outcome, only other findings, refused."""
    if one is None:
        return "refused"
    if one.same:
        return "same"
    return "findings" if one.before is one.after else "outcome"


def told_change(one: Change) -> str:
    """Say in a few words what another pack says of a rule."""
    if one.evidence and one.before is one.after:
        return f"{one.rule}: other evidence"
    return f"{one.rule}: {one.before or 'silent'} → {one.after or 'silent'}"
