"""A screening knows until when it holds: between two turns every day is judged the same."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_mappings.decide.course import DAYS_AHEAD, course_of
from fhir_mappings.decide.rules.day import Day
from fhir_mappings.decide.screening import screen
from fhir_mappings.model.fact import Facts
from fhir_mappings.model.finding import Finding
from fhir_mappings.model.when import later
from fhir_mappings.parse.facts import read
from tests.kit.charts import the_pack
from tests.kit.moving import DAY, Situation, situations

days = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(on=days, other=days)
def test_an_answer_holds_as_long_as_the_day_says(on: date, other: date) -> None:
    day = Day(on)

    answer = day.after(other)

    assert answer is (on > other)
    assert Day(day.holds).after(other) is answer
    if day.holds < date.max:
        assert Day(later(day.holds, 1)).after(other) is not answer


@given(on=days, born=days)
def test_an_age_holds_until_the_day_before_the_birthday(on: date, born: date) -> None:
    day = Day(on)

    age = day.age(born)

    assert Day(day.holds).age(born) == age
    assert Day(later(day.holds, 1)).age(born) == age + 1


def test_an_age_at_the_end_of_the_calendar_holds_for_ever() -> None:
    day = Day(date(9999, 12, 31))

    day.age(date(2000, 2, 29))

    assert day.holds == date.max


def test_born_on_a_leap_day_the_birthday_may_be_the_first_of_march() -> None:
    day = Day(date(2027, 2, 28))

    age = day.age(date(2000, 2, 29))

    assert (age, day.holds) == (26, date(2027, 2, 28))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situation=situations(), data=st.data())
def test_every_day_of_a_stretch_is_judged_as_its_first(
    situation: Situation, data: st.DataObject
) -> None:
    facts = read(situation.chart, the_pack())
    course = course_of(facts, the_pack(), day=DAY, variant=situation.variant)

    stretches = list(course.stretches(situation.planned))

    firsts = [one.first for one in stretches]
    ends = [later(one, -1) for one in firsts[1:]]
    horizon = situation.planned + timedelta(days=DAYS_AHEAD)
    some = data.draw(st.lists(st.dates(situation.planned, horizon), max_size=8))
    for day in (*firsts, *ends, *some):
        stretch = [one for one in stretches if one.first <= day][-1]
        assert stretch.now.findings == found(facts, situation, day=DAY, planned=day)
        assert stretch.then.findings == found(facts, situation, day=day, planned=day)


def found(facts: Facts, situation: Situation, *, day: date, planned: date) -> tuple[Finding, ...]:
    variant = situation.variant
    return screen(facts, the_pack(), day=day, planned=planned, variant=variant).findings
