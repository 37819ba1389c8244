"""What would clear a finding: every day told is so and the day before is not; the data do it.

The charts are drawn at random from the worked examples, moved in time. `decide.screening.screen`
alone judges here what `decide.clearing` tells.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fhir_mappings.decide.clearing import screen_with_lifts, with_lifts
from fhir_mappings.decide.course import DAYS_AHEAD, course_of
from fhir_mappings.decide.screening import screen
from fhir_mappings.model.caller import Role
from fhir_mappings.model.check import RuleFailed
from fhir_mappings.model.fact import Entry, Facts
from fhir_mappings.model.finding import Action, Finding, Screening
from fhir_mappings.model.lift import Datum, Decision, Stopped, Time
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Rule
from fhir_mappings.model.when import Dated, Days, later
from fhir_mappings.parse.facts import read
from tests.kit.charts import DATA, EXAMPLES, chart_of, of_bundle, read_json, the_pack, with_numbers
from tests.kit.harmless import Mended
from tests.kit.moving import ADDED, CASES, DAY, Situation, situations

Held: TypeAlias = Sequence[Finding]
many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Told(NamedTuple):
    """A screening with what would lift its findings, and what it was made from."""

    facts: Facts
    variant: str | None
    screening: Screening
    pack: Pack

    def held(self, *, day: date, planned: date, facts: Facts | None = None) -> Held:
        """Screen again, on this day for that day."""
        used = facts or self.facts
        return screen(used, self.pack, day=day, planned=planned, variant=self.variant).findings

    def weight(self, finding: Finding, held: Held) -> int:
        """Weigh what stands of a finding: its rule, and what newly gates about its evidence."""
        before = {(one.rule, at) for one in self.gating for at in about(one)}
        return max(
            (
                one.action.weight
                for one in held
                if one.rule == finding.rule
                or {(one.rule, at) for at in about(one) & about(finding)} - before
            ),
            default=0,
        )

    @property
    def gating(self) -> list[Finding]:
        return [one for one in self.screening.findings if one.gates]

    def lifts(self) -> Iterable[tuple[Finding, Time | Stopped]]:
        for finding in self.gating:
            for lift in finding.lifts:
                if isinstance(lift, Time | Stopped):
                    yield finding, lift


def about(finding: Finding) -> set[str]:
    return {one.reference for one in finding.evidence if one.reference}


def told(situation: Situation, pack: Pack | None = None, *, day: date = DAY) -> Told:
    used = pack or the_pack()
    facts = read(situation.chart, used)
    course = course_of(facts, used, day=day, variant=situation.variant)
    screening = with_lifts(course, course.screening(situation.planned))
    return Told(facts, situation.variant, screening, used)


def on_day(one: Told, finding: Finding, lift: Time | Stopped, day: date) -> Held:
    """Screen for a day as the promise is meant."""
    if isinstance(lift, Stopped):
        return one.held(day=day, planned=day, facts=ended(one, finding, lift.on))
    then = one.held(day=day, planned=day)
    return [*then, *one.held(day=one.screening.day, planned=day)] if lift.known else then


def ended(one: Told, finding: Finding, on: date) -> Facts:
    """Suppose the medications of a finding that are not past to be last taken on a day."""
    over = {"completed", "stopped"}

    def end(entry: Entry) -> Entry:
        use = entry.use
        if use is None or entry.reference not in about(finding):
            return entry
        finished = not over.isdisjoint(entry.marks.get("status", frozenset()))
        known = use.end or (use.end_if_finished if finished else None)
        if known and known.days.last < one.screening.day:
            return entry
        last = Dated(days=Days(first=on, last=on), words=str(on))
        return replace(entry, use=replace(use, end=last, handed_over=False))

    return replace(one.facts, entries=tuple(map(end, one.facts.entries)))


@many
@given(situation=situations())
def test_on_the_day_told_it_does_not_stand_and_on_the_day_before_it_does(
    situation: Situation,
) -> None:
    one = told(situation)

    for finding, lift in one.lifts():
        least = Action.REVIEW.weight if lift.eased else 0
        held = on_day(one, finding, lift, lift.first)
        before = on_day(one, finding, lift, later(lift.first, -1))
        assert one.weight(finding, held) == least
        assert one.weight(finding, before) > least
        new = {other.rule for other in held if other.gates} - {other.rule for other in one.gating}
        assert {other.rule for other in lift.instead} == new


@many
@given(situation=situations(), data=st.data())
def test_on_no_day_before_the_one_told_does_it_fall(
    situation: Situation, data: st.DataObject
) -> None:
    one = told(situation)
    beyond = later(situation.planned, DAYS_AHEAD + 1)

    for finding in one.gating:
        times = [lift.first for lift in finding.lifts if isinstance(lift, Time) and lift.known]
        first = min([*times, beyond])
        day = data.draw(st.dates(situation.planned, later(first, -1)))
        held = [*one.held(day=day, planned=day), *one.held(day=DAY, planned=day)]
        assert one.weight(finding, held) >= finding.action.weight


@many
@given(situation=situations())
def test_the_data_told_given_harmless_values_lift_it(situation: Situation) -> None:
    one = told(situation)

    for finding in one.gating:
        data = [lift for lift in finding.lifts if isinstance(lift, Datum)]
        mended = Mended(situation.chart, planned=situation.planned)
        for datum in data:
            mended.give(datum)
        facts = read(mended.chart(), one.pack)
        held = one.held(day=DAY, planned=situation.planned, facts=facts)
        assert not data or not any(other.rule == finding.rule and other.gates for other in held)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_gating_finding_of_the_examples_says_whose_word_lifts_it(
    case: dict[str, Any],
) -> None:
    planned = date.fromisoformat(case.get("planned", EXAMPLES["planned"]))
    one = told(Situation(chart_of(case), planned, case.get("variant", EXAMPLES["variant"])))

    for finding in one.screening.findings:
        words = [lift for lift in finding.lifts if isinstance(lift, Decision)]
        blocks = finding.action is Action.BLOCK
        roles = (Role.CLINICIAN,) if blocks else (Role.REVIEWER, Role.CLINICIAN)
        wanted = [Decision(roles=roles, by_approval=not blocks)] if finding.gates else []
        assert words == wanted


def anticoagulated(**changes: object) -> Situation:
    """The order of the protocol whose patient takes a drug, its statement changed."""
    bundle = read_json(DATA / "payloads" / "tpi" / "anticoagulated-referral.json")
    taken = next(
        one["resource"]
        for one in bundle["entry"]
        if one["resource"]["resourceType"] == "MedicationStatement"
    )
    taken |= changes
    return Situation(of_bundle(bundle), DAY, None)


def until(day: date) -> dict[str, str]:
    return {"start": "2026-03", "end": str(day)}


def test_a_drug_in_use_clears_from_a_day_on_if_it_is_last_taken_today() -> None:
    one = told(anticoagulated())

    ((finding, lift),) = one.lifts()

    assert isinstance(lift, Stopped)
    assert (lift.on, lift.told) == (DAY, False)
    assert lift.what == tuple(evidence.value for evidence in finding.evidence)
    stopped = told(anticoagulated(status="stopped", effectivePeriod=until(later(DAY, -1))))
    ((_, alone),) = stopped.lifts()
    assert isinstance(alone, Time)
    assert (later(alone.first, 1), alone.known) == (lift.first, True)


def test_an_end_that_is_told_counts_beside_stopping_today() -> None:
    end = later(DAY, 8)

    lifts = [lift for _, lift in told(anticoagulated(effectivePeriod=until(end))).lifts()]

    days = [(lift.on, lift.told) for lift in lifts if isinstance(lift, Stopped)]
    assert days == [(DAY, False), (end, True)]
    first, second = sorted({lift.first for lift in lifts})
    assert second == later(first, 8)
    (alone,) = [lift for lift in lifts if isinstance(lift, Time)]
    assert (alone.first, alone.known) == (second, False)


def test_a_block_that_time_makes_a_review_says_so_and_what_asks_instead() -> None:
    bundle = read_json(DATA / "payloads" / "tpi" / "active-infection-referral.json")
    one = told(Situation(of_bundle(bundle), DAY, None))

    ((finding, lift),) = one.lifts()

    assert finding.action is Action.BLOCK
    assert isinstance(lift, Time)
    assert (lift.eased, lift.last) == (True, None)
    (instead,) = lift.instead
    (asks,) = [other for other in one.held(day=DAY, planned=lift.first) if other.gates]
    assert (asks.rule, asks.title) == (instead.rule, instead.title)
    assert asks.action is Action.REVIEW


def test_a_finding_that_comes_back_has_a_last_day() -> None:
    (treated,) = [one for one in EXAMPLES["base"]["entries"] if one["resourceType"] == "Procedure"]
    since = date.fromisoformat(treated["performedDateTime"])
    old = (DAY - since).days + 10
    pack = with_rule(
        lambda rule: rule.match == "none" and "Procedure" in rule.inputs[0].resource_types,
        older_than_days=old,
        within_days=old + 20,
    )

    one = told(Situation(chart_of({}), DAY, None), pack)

    ((_, lift),) = one.lifts()
    assert (lift.first, lift.last) == (later(DAY, 11), later(DAY, 30))


def with_rule(chosen: Callable[[Rule], bool], **changes: int) -> Pack:
    """The pack we ship, with the first input of one rule changed and its others gone."""
    pack = the_pack()
    rules = tuple(
        replace(rule, inputs=(replace(rule.inputs[0], **changes),)) if chosen(rule) else rule
        for rule in pack.content.rules
    )
    return replace(pack, content=replace(pack.content, rules=rules))


def test_a_rule_that_stumbles_is_told_and_no_datum_for_it() -> None:
    pack, told_of = the_pack_whose_teller_stumbles()
    results = [{**one, "id": f"n{at}"} for at, one in enumerate(ADDED) if "valueQuantity" in one]
    facts = with_numbers(read(chart_of({"add": results}), pack), Decimal("NaN"))

    screening = screen_with_lifts(facts, pack, day=DAY, planned=DAY, variant=None)

    (finding,) = [one for one in screening.findings if one.rule == told_of]
    assert not any(isinstance(lift, Datum) for lift in finding.lifts)


def the_pack_whose_teller_stumbles() -> tuple[Pack, str]:
    """The pack we ship, in which the rule that tells of failures compares a value itself."""
    pack = the_pack()
    values = [
        one
        for rule in pack.content.rules
        for one in rule.inputs
        if one.value and "Observation" in one.resource_types
    ]
    tells = next(
        rule
        for rule in pack.content.rules
        if any(isinstance(one.check, RuleFailed) for one in rule.inputs)
    )
    rules = tuple(
        replace(rule, inputs=(*rule.inputs, *values)) if rule is tells else rule
        for rule in pack.content.rules
    )
    return replace(pack, content=replace(pack.content, rules=rules)), tells.id


def test_what_gates_nothing_needs_no_lifting() -> None:
    one = told(Situation(chart_of({}), DAY, None))

    assert one.screening.findings
    assert all(finding.lifts == () for finding in one.screening.findings)
