"""Which data a finding lacks: all of them given harmless values, it is lifted.

Source: rules.md of the content pack, Checks and Rule (`match`).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from fhir_mappings.decide.course import Course
from fhir_mappings.decide.rules.found import Match, first_element
from fhir_mappings.decide.rules.looking import OBSERVATION, ORDER
from fhir_mappings.decide.rules.run import matched
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.rules.weigh import reported
from fhir_mappings.model.check import (
    Check,
    Illegible,
    ListMissing,
    Missing,
    NotUnderstood,
    SiteUnknown,
    StatusUnknown,
    TextCut,
    Undecided,
    UnresolvedReference,
    ValueUnreadable,
)
from fhir_mappings.model.finding import Evidence, Finding, Screening
from fhir_mappings.model.lift import Datum, Wanted
from fhir_mappings.model.rule import Input, Rule

_OF_CHECK: Final[dict[type[Check], Wanted]] = {
    ListMissing: Wanted.ENTRY,
    NotUnderstood: Wanted.CODE,
    Illegible: Wanted.CODE,
    TextCut: Wanted.TEXT,
    UnresolvedReference: Wanted.RESOURCE,
    ValueUnreadable: Wanted.VALUE,
    Missing: Wanted.ELEMENT,
    SiteUnknown: Wanted.CODE,
    Undecided: Wanted.BIRTH_DATE,
}
"""What the checks miss; a failure, a language or an extension is lifted by no datum."""


def wanted_data(course: Course, scene: Scene, found: Finding) -> tuple[Datum, ...]:
    """Return the data that together lift a finding; none where they would not be enough.

    `scene` is that of the finding's screening, as it was left by the run.
    """
    rule = scene.plan.by_id[found.rule]
    known = dict(_of_inputs(scene, rule))
    given = [known.get(one) or _status(course, scene, rule, one) for one in found.evidence]
    data = tuple(dict.fromkeys(one for one in given if one is not None))
    return _with_next(course, scene, rule, data) if all(given) else ()


def _with_next(
    course: Course, scene: Scene, rule: Rule, data: tuple[Datum, ...]
) -> tuple[Datum, ...]:
    """Add what the same rule would want next, once the order has the elements that it lacks."""
    lacks = [one.path.removeprefix(f"{ORDER}.") for one in data if one.wanted is Wanted.ELEMENT]
    marks = {one: frozenset[str]() for one in lacks} | dict(scene.order.marks)
    if len(marks) == len(scene.order.marks):
        return data
    supposed = course.supposing({scene.order.key: replace(scene.order, marks=marks)})
    screening = supposed.screening(scene.planned.at)
    for one in screening.findings:
        if one.rule == rule.id and one.gates:
            more = wanted_data(supposed, supposed.scene(screening), one)
            return (*data, *more) if more else ()
    return data


def _of_inputs(scene: Scene, rule: Rule) -> Iterator[tuple[Evidence, Datum]]:
    """Yield the evidence that is a want of data, by how the rule's inputs match together."""
    first, *rest = rule.inputs
    found = [(wanted, _told(scene, rule, match)) for wanted, match in matched(scene, rule)]
    match rule.match:
        case "any":
            yield from _lacking(found)
        case "firstWithoutRest":
            for wanted, evidence in found:
                if wanted is first:
                    yield evidence, _new(rest[0], Wanted.RESULT)
        case "none":
            datum = _new(first, Wanted.NAMED)
            yield _absent(datum.path), datum
        case "all":
            return


def _lacking(found: Iterable[tuple[Input, Evidence]]) -> Iterator[tuple[Evidence, Datum]]:
    for wanted, evidence in found:
        datum = _of_input(wanted, evidence)
        if datum:
            yield evidence, datum


def _told(scene: Scene, rule: Rule, match: Match) -> Evidence:
    return reported(rule.id, rule.action, match, scene).evidence


def _absent(path: str) -> Evidence:
    return Evidence(reference="", version=0, path=path, value="", date="", how="missing")


def _of_input(wanted: Input, evidence: Evidence) -> Datum | None:
    if wanted.check is not None:
        kind = _OF_CHECK.get(type(wanted.check))
        return _mend(evidence, kind) if kind else None
    if wanted.value is not None and OBSERVATION in wanted.resource_types:
        return _new(wanted, Wanted.RESULT)
    unsaid = ORDER in wanted.resource_types and not wanted.value_sets
    return _mend(evidence, Wanted.CODE) if unsaid else None


def _mend(evidence: Evidence, kind: Wanted) -> Datum:
    return Datum(reference=evidence.reference, path=evidence.path, wanted=kind)


def _new(wanted: Input, kind: Wanted) -> Datum:
    return Datum(
        reference="",
        path=f"{wanted.resource_types[0]}.{first_element(wanted)}",
        wanted=kind,
        sets=tuple(sorted(wanted.value_sets)),
        within_days=wanted.within_days,
    )


def _status(course: Course, scene: Scene, rule: Rule, evidence: Evidence) -> Datum | None:
    """Want the state of an entry that is asked about, where the answer "over" settles it."""
    if not any(isinstance(one.check, StatusUnknown) for one in rule.inputs):
        return None
    for entry in scene.entries:
        row = scene.plan.states.get(entry.rtype)
        told = entry.reference == evidence.reference and evidence.path.startswith(entry.root)
        if told and row:
            over = replace(entry, marks={**entry.marks, row.element: row.ended})
            supposed = course.supposing({entry.key: over}).screening(scene.planned.at)
            if not _tells(supposed, rule, evidence):
                path = f"{entry.root}.{row.element}"
                return Datum(reference=entry.reference, path=path, wanted=Wanted.STATUS)
    return None


def _tells(screening: Screening, rule: Rule, evidence: Evidence) -> bool:
    return any(one.rule == rule.id and evidence in one.evidence for one in screening.findings)
