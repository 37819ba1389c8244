"""From matches to findings: actions lowered, evidence told, merged, and given way.

Source: rules.md of the content pack, Members (`adjust`, `givesWayTo`, `downgrade`), Order of
evaluation (steps 4 and 5).
"""

from collections.abc import Callable, Iterable
from typing import Final

from fhir_mappings.decide.rules.conditions import holds
from fhir_mappings.decide.rules.found import Match, Reported
from fhir_mappings.decide.rules.looking import ORDER
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.model.finding import Action, Evidence, Finding
from fhir_mappings.model.member import Reading
from fhir_mappings.model.rule import Input, Rule

_ONE_PLACE: Final = frozenset({"medication", "code", "note"})
"""Elements in which everything a resource says is one piece of evidence."""


def lower(one: Action, other: Action) -> Action:
    """Return the weaker of two actions."""
    return min(one, other, key=lambda action: action.weight)


def weighed(scene: Scene, rule: Rule, wanted: Input, match: Match) -> Reported | None:
    """Return what a match counts for: its rule or another, with which action; None: dropped."""
    action = _downgraded(scene, wanted.action or rule.action, match)
    if match.most is not None:
        action = lower(action, match.most)
    for step in wanted.adjust:
        if not holds(scene, step.when, wanted, match):
            continue
        if step.action == "none":
            return None
        if step.rule is not None:
            return reported(step.rule, Action(step.action), match, scene)
        action = lower(action, Action(step.action))
    return reported(rule.id, action, match, scene)


def _downgraded(scene: Scene, action: Action, match: Match) -> Action:
    form = scene.content.downgrade
    if action is not form.weakened or match.entry is None:
        return action
    marks = match.entry.marks
    weak = (
        (form.text_evidence and match.how == "text")
        or match.reading is Reading.UNCERTAIN
        or not marks.get("verificationStatus", frozenset()).isdisjoint(form.verification_status)
        or (
            match.entry.rtype == "Observation"
            and not marks.get("status", frozenset()).isdisjoint(form.observation_status)
        )
    )
    return form.to if weak else action


def reported(rule: str, action: Action, match: Match, scene: Scene) -> Reported:
    """Tell a match as evidence of a rule."""
    reference, version = _whose(match)
    evidence = Evidence(
        reference=reference,
        version=version,
        path=match.path,
        value=_value(scene, match),
        date=match.date,
        how=match.how,
    )
    return Reported(
        rule=rule,
        action=action,
        evidence=evidence,
        place=(reference, match.place),
        entry=_entry_key(reference, match),
    )


def _whose(match: Match) -> tuple[str, int]:
    held = match.entry or match.person
    return (held.reference, held.version) if held else (match.named, match.version)


def _value(scene: Scene, match: Match) -> str:
    """Show the words; a diagnosis that is not confirmed says so."""
    none: frozenset[str] = frozenset()
    marks = match.entry.marks.get("verificationStatus", none) if match.entry else none
    weak = sorted(marks & scene.content.downgrade.verification_status)
    return f"{match.shown} ({', '.join(weak)})".strip() if weak else match.shown


def _entry_key(reference: str, match: Match) -> tuple[str, str]:
    """Name the whole resource for its medication, code and note, and for the order."""
    root = match.entry.root if match.entry else ""
    element = match.place.removeprefix(f"{root}.").partition(".")[0].partition("[")[0]
    of_order = match.entry is not None and match.entry.rtype == ORDER
    held = match.entry.key if match.entry else reference
    return (held, "" if of_order or element in _ONE_PLACE else match.place)


def give_way(rules: Iterable[Rule], held: dict[str, list[Reported]]) -> None:
    """Drop evidence that a rule shares with one it gives way to, in the order of the pack."""
    for rule in rules:
        for gives in rule.gives_way_to:
            key: Callable[[Reported], tuple[str, str]] = (
                (lambda one: one.place) if gives.within == "place" else (lambda one: one.entry)
            )
            taken = {key(one) for other in gives.rules for one in held.get(other, ())}
            mine = held.get(rule.id)
            if mine:
                held[rule.id] = [one for one in mine if key(one) not in taken]


def finding(rule: Rule, held: Iterable[Reported], *, acts: str) -> Finding:
    """Merge a rule's evidence to one finding of the strongest action.

    `acts` is the pack's digest of what makes the rule fire.
    """
    found = list(held)
    return Finding(
        rule=rule.id,
        title=rule.title,
        action=max((one.action for one in found), key=lambda action: action.weight),
        kind=rule.kind,
        category=rule.category,
        scheduler=rule.message.scheduler,
        referrer=rule.message.referrer,
        rationale=rule.rationale,
        sources=rule.sources,
        evidence=tuple(sorted({one.evidence for one in found})),
        acts=acts,
    )
