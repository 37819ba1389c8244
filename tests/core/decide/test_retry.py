"""Waits grow, are jittered and capped; a job's time ends at a moment, not at a count."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.decide.retry import (
    MOST,
    Again,
    Patience,
    ToPerson,
    back_off,
    told_to_wait,
    try_again,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def patience(**changes: object) -> Patience:
    values = {"attempts": 1, "give_up_at": NOW + timedelta(hours=24), "chance": 0.5}
    return Patience(**{**values, **changes})  # type: ignore[arg-type]  # a builder's keywords


@pytest.mark.parametrize(
    ("attempts", "most_seconds"), [(0, 2), (1, 4), (2, 8), (5, 64), (9, 900), (1000, 900)]
)
def test_the_wait_doubles_up_to_its_cap(attempts: int, most_seconds: int) -> None:
    assert back_off(attempts, 1.0) == timedelta(seconds=most_seconds)


@given(attempts=st.integers(-5, 10**9), chance=st.floats(0, 1, exclude_max=True))
def test_the_wait_stays_between_nothing_and_its_cap(attempts: int, chance: float) -> None:
    assert timedelta(0) <= back_off(attempts, chance) <= MOST


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 1),
        ("1", 1),
        ("120", 120),
        ("3600", 3600),
        ("999999999999999999999", 3600),
        ("Wed, 25 Nov 2026 12:02:00 GMT", 120),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ],
)
def test_a_time_that_a_server_names_is_kept_within_bounds(header: str, seconds: int) -> None:
    assert told_to_wait(header, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("header", ["", "soon", "-5", "1.5", "٣", "Wed, 99 Nov 2026"])
def test_a_time_that_cannot_be_read_is_none(header: str) -> None:
    assert told_to_wait(header, NOW) is None


def test_a_job_waits_at_least_as_long_as_it_must() -> None:
    then = try_again(patience(), NOW, least=timedelta(seconds=65))

    assert then == Again(run_at=NOW + timedelta(seconds=65))


def test_the_last_try_stands_at_the_end() -> None:
    end = NOW + timedelta(seconds=1)

    assert try_again(patience(give_up_at=end), NOW, least=MOST) == Again(run_at=end)


def test_when_its_time_is_over_a_person_has_it() -> None:
    assert try_again(patience(give_up_at=NOW), NOW, least=timedelta(0)) == ToPerson(code="gave-up")
