"""What stands against this order on its planned day, and what could not be read.

The one entry to the rules. It is total: what a rule stumbles on becomes a finding, never a clear.
"""

from datetime import date
from enum import StrEnum

import msgspec

from fhir_mappings.decide.nearly import Nearly, nearly
from fhir_mappings.decide.rules.order import planned_day, site_of, variant_of
from fhir_mappings.decide.rules.plan import Plan, plan_of
from fhir_mappings.decide.rules.run import Ran, Ruled, Run, audible
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.rules.weigh import finding
from fhir_mappings.model.fact import Facts
from fhir_mappings.model.finding import Finding, Screening
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Rule
from fhir_mappings.problems import Code, Problem, Refused


class Ruling(StrEnum):
    """What became of one rule."""

    FIRED = "fired"
    NOT_FIRED = "not fired"
    NOT_APPLICABLE = "not applicable"
    FAILED = "failed"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one rule, and why.

    `because` names the member of `appliesWhen` where it was not applicable. `finding` stands
    where it fired; `near` is what was there and did not count, where it was evaluated and did not.
    """

    rule: str
    title: str
    ruling: Ruling
    because: str
    finding: Finding | None
    near: tuple[Nearly, ...]


def screen(
    facts: Facts, pack: Pack, *, day: date, planned: date | None, variant: str | None
) -> Screening:
    """Screen one order.

    `day` is the day of the screening and decides what is past; `planned` is the day of the
    injection and decides ages, windows and wash-outs; both are days in the clinic's zone.
    Without `planned` the order's wish counts, else `day`; without `variant` the order's own.

    Raises:
        Refused: `parameter-value`, a variant that the pack does not know.
    """
    return screening_of(scene_of(facts, pack, day=day, planned=planned, variant=variant))


def explain(
    facts: Facts, pack: Pack, *, day: date, planned: date | None, variant: str | None
) -> tuple[Verdict, ...]:
    """Say of every rule of the pack what became of it, in the order of the pack.

    Arguments and refusals as for `screen`.
    """
    scene = scene_of(facts, pack, day=day, planned=planned, variant=variant)
    ran = Run(scene, first=scene.plan.first).all()
    fired = {one.rule: one for one in _findings(scene.plan, ran)}
    return tuple(_verdict(scene, rule, ran, fired.get(rule.id)) for rule in pack.content.rules)


def _verdict(scene: Scene, rule: Rule, ran: Ran, found: Finding | None) -> Verdict:
    ruling = _ruling(rule.id, ran, fired=found is not None)
    return Verdict(
        rule=rule.id,
        title=rule.title,
        ruling=ruling,
        because=ran.not_applicable.get(rule.id, ""),
        finding=found,
        near=nearly(scene, rule, ran) if ruling is Ruling.NOT_FIRED else (),
    )


def scene_of(
    facts: Facts, pack: Pack, *, day: date, planned: date | None, variant: str | None
) -> Scene:
    """Set the scene of one screening. Arguments and refusals as for `screen`."""
    plan = plan_of(pack)
    if variant is not None and variant not in plan.variants:
        raise Refused(Problem(Code.PARAMETER_VALUE, "variant"))
    scene = Scene(plan, facts, day=day, planned=planned_day(facts, day=day, planned=planned))
    scene.variant = variant if variant is not None else variant_of(scene, plan)
    scene.site = site_of(scene, plan)
    return scene


def screening_of(
    scene: Scene, known: dict[str, Ruled] | None = None, *, first: tuple[Rule, ...] | None = None
) -> Screening:
    """Run the rules over a scene that has not been run.

    `known` as for `Run`; `first` are the rules that may say something of its chart, if known.
    """
    pack = scene.plan.pack
    ran = Run(scene, known, first=audible(scene) if first is None else first).all()
    return Screening(
        pack=pack.name,
        pack_version=pack.version,
        reviewed_by=pack.reviewed_by,
        variant=scene.variant,
        planned=scene.planned.at,
        day=scene.day.at,
        rules_checked=len(pack.content.rules),
        findings=_findings(scene.plan, ran),
        failed=ran.failed,
    )


def _findings(plan: Plan, ran: Ran) -> tuple[Finding, ...]:
    """Merge the evidence of each rule; the strongest findings stand first."""
    pack = plan.pack
    found = (
        finding(rule, ran.held[rule.id], acts=pack.acts[rule.id])
        for rule in pack.content.rules
        if ran.held.get(rule.id)
    )
    return tuple(sorted(found, key=lambda one: -one.action.weight))


def _ruling(rule: str, ran: Ran, *, fired: bool) -> Ruling:
    if fired:
        return Ruling.FIRED
    if rule in ran.failed:
        return Ruling.FAILED
    return Ruling.NOT_APPLICABLE if rule in ran.not_applicable else Ruling.NOT_FIRED
