"""A dead placer is left alone for a while, a living one never; each by itself."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.clients.breaker import FAILURES, OPEN_FIRST, OPEN_MOST, STOPPED, Breaker, Health

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DEAD, ALIVE = UUID(int=1), UUID(int=2)


def broken(times: int) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.note(DEAD, Health.FAILED, NOW)
    return breaker


def test_one_lost_call_closes_nothing() -> None:
    assert broken(FAILURES - 1).closed_to(NOW) == ()


def test_failures_in_a_row_leave_a_placer_alone_and_no_other() -> None:
    breaker = broken(FAILURES)
    breaker.note(ALIVE, Health.WORKED, NOW)

    assert breaker.closed_to(NOW) == (DEAD,)
    assert breaker.closed_to(NOW + OPEN_FIRST) == ()


def test_the_rest_grows_to_a_minute_and_no_further() -> None:
    breaker = broken(100)

    assert breaker.closed_to(NOW + OPEN_MOST - timedelta(seconds=1)) == (DEAD,)
    assert breaker.closed_to(NOW + OPEN_MOST) == ()


def test_an_answer_forgets_the_failures() -> None:
    breaker = broken(100)
    breaker.note(DEAD, Health.WORKED, NOW)
    breaker.note(DEAD, Health.FAILED, NOW)

    assert breaker.closed_to(NOW) == ()


def test_a_server_that_names_a_time_is_left_alone_at_its_first_word() -> None:
    breaker = Breaker()
    breaker.note(DEAD, Health.FAILED, NOW, pause=timedelta(minutes=2))

    assert breaker.closed_to(NOW + timedelta(seconds=119)) == (DEAD,)
    assert breaker.closed_to(NOW + timedelta(minutes=2)) == ()


def test_a_placer_that_does_not_let_us_in_is_asked_once_in_a_while() -> None:
    breaker = Breaker()
    breaker.note(DEAD, Health.DENIED, NOW)

    assert breaker.closed_to(NOW + STOPPED - timedelta(seconds=1)) == (DEAD,)
    assert breaker.closed_to(NOW + STOPPED) == ()
