"""Nothing is sent before a search, nothing again while a server says that it has it."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from fhir_mappings.decide.ladder import (
    READ_AGAIN_MOST,
    SEARCH_CACHE,
    Person,
    Progress,
    Proven,
    ReadBack,
    Reading,
    Search,
    Send,
    Stop,
    Wait,
    next_step,
    pause,
    refused_as_a_whole,
    verdict,
)
from fhir_mappings.model.writeback import Answer, Away, PersonReason, Verdict, Way

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
VISIT, DOSE = "v", "v.1"
THERE = {VISIT: "Procedure/1", DOSE: "MedicationAdministration/1"}


def known(**changes: object) -> Progress:
    nothing = Progress(
        wanted=(VISIT, DOSE), way=Way.TRANSACTION, claimed={}, sent_at=None, claimed_at=None
    )
    return msgspec.structs.replace(nothing, **changes)


def test_the_first_step_is_a_search() -> None:
    assert next_step(known(), NOW) == Search(values=(VISIT, DOSE))


def test_what_is_not_found_is_sent_at_once() -> None:
    step = next_step(known(searched=True), NOW)

    assert step == Send(way=Way.TRANSACTION, values=(VISIT, DOSE))


def test_a_part_that_stands_is_completed_by_single_creates() -> None:
    step = next_step(known(searched=True, claimed={VISIT: "Procedure/1"}), NOW)

    assert step == Send(way=Way.SINGLE, values=(DOSE,))


def test_single_creates_begin_with_the_procedure() -> None:
    step = next_step(known(searched=True, way=Way.SINGLE), NOW)

    assert step == Send(way=Way.SINGLE, values=(VISIT,))


def test_no_dose_is_sent_while_the_procedure_has_no_place() -> None:
    progress = known(searched=True, way=Way.SINGLE, claimed={VISIT: ""}, claimed_at=NOW)

    assert isinstance(next_step(progress, NOW), Wait)


def test_what_is_claimed_is_read_back_one_after_the_other() -> None:
    progress = known(claimed=THERE, claimed_at=NOW)
    half = msgspec.structs.replace(progress, read={VISIT: Reading.EQUAL})

    assert next_step(progress, NOW) == ReadBack(value=VISIT)
    assert next_step(half, NOW) == ReadBack(value=DOSE)


def test_all_equal_is_proven() -> None:
    read = dict.fromkeys((VISIT, DOSE), Reading.EQUAL)

    assert next_step(known(claimed=THERE, claimed_at=NOW, read=read), NOW) == Proven()


def test_one_that_differs_is_for_a_person_however_the_others_stand() -> None:
    for other in Reading:
        read = {VISIT: Reading.DIFFERS, DOSE: other}
        step = next_step(known(claimed=THERE, claimed_at=NOW, read=read), NOW)

        assert step == Person(reason=PersonReason.DIFFERS)


def test_two_of_ours_are_for_a_person_even_where_one_is_equal() -> None:
    read = dict.fromkeys((VISIT, DOSE), Reading.EQUAL)
    step = next_step(known(claimed=THERE, claimed_at=NOW, read=read, twins=True), NOW)

    assert step == Person(reason=PersonReason.TWO_FOUND)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (timedelta(0), Wait(least=timedelta(seconds=1))),
        (READ_AGAIN_MOST - timedelta(seconds=1), Wait(least=timedelta(seconds=1))),
        (READ_AGAIN_MOST, Person(reason=PersonReason.NOT_THERE)),
    ],
)
def test_what_is_claimed_and_absent_is_read_again_for_ten_minutes(
    since: timedelta, expected: Wait | Person
) -> None:
    read = {VISIT: Reading.ABSENT, DOSE: Reading.EQUAL}
    progress = known(claimed=THERE, claimed_at=NOW - since, read=read)

    assert next_step(progress, NOW) == expected


def test_after_an_unknown_answer_a_resend_waits_longer_than_a_search_cache() -> None:
    early = known(searched=True, sent_at=NOW - timedelta(seconds=10))
    later = known(searched=True, sent_at=NOW - SEARCH_CACHE)

    assert next_step(early, NOW) == Wait(least=SEARCH_CACHE - timedelta(seconds=10))
    assert isinstance(next_step(later, NOW), Send)


def test_without_a_search_that_can_be_trusted_nothing_is_sent_blindly() -> None:
    progress = known(searched=True, honest=False, sent_at=NOW - SEARCH_CACHE)

    assert next_step(progress, NOW) == Person(reason=PersonReason.NO_SEARCH)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (Verdict.DENIED, Stop()),
        (Verdict.LATER, Wait()),
        (Verdict.UNKNOWN, Wait(least=SEARCH_CACHE)),
        (Verdict.REFUSED, Person(reason=PersonReason.REFUSED)),
        (Verdict.ABSENT, Person(reason=PersonReason.REFUSED)),
    ],
)
def test_a_call_that_failed_decides(last: Verdict, expected: object) -> None:
    assert next_step(known(searched=True, last=last), NOW) == expected


def test_a_conflict_is_searched_once_and_then_waits() -> None:
    assert isinstance(next_step(known(last=Verdict.CONFLICT, conflicts=1), NOW), Search)
    assert isinstance(next_step(known(last=Verdict.CONFLICT, conflicts=2), NOW), Wait)


def test_nothing_that_is_claimed_is_ever_sent_again() -> None:
    for visit, dose, searched, way, sent_at in itertools.product(
        ("", "Procedure/1"),
        ("", "MedicationAdministration/1"),
        (True, False),
        Way,
        (None, NOW - timedelta(hours=1)),
    ):
        progress = known(
            claimed={VISIT: visit, DOSE: dose},
            claimed_at=NOW,
            searched=searched,
            way=way,
            sent_at=sent_at,
        )

        assert not isinstance(next_step(progress, NOW), Send)


def test_nothing_is_sent_before_this_run_has_searched() -> None:
    for claimed, way, honest in itertools.product(({}, {VISIT: "Procedure/1"}), Way, (True, False)):
        step = next_step(known(claimed=claimed, way=way, honest=honest), NOW)

        assert isinstance(step, Search)


@pytest.mark.parametrize(
    ("status", "asking", "sending"),
    [
        (200, Verdict.DONE, Verdict.DONE),
        (201, Verdict.DONE, Verdict.DONE),
        (301, Verdict.LATER, Verdict.LATER),
        (307, Verdict.LATER, Verdict.LATER),
        (400, Verdict.REFUSED, Verdict.REFUSED),
        (401, Verdict.DENIED, Verdict.DENIED),
        (403, Verdict.DENIED, Verdict.DENIED),
        (404, Verdict.ABSENT, Verdict.ABSENT),
        (405, Verdict.REFUSED, Verdict.REFUSED),
        (409, Verdict.CONFLICT, Verdict.CONFLICT),
        (412, Verdict.CONFLICT, Verdict.CONFLICT),
        (422, Verdict.REFUSED, Verdict.REFUSED),
        (429, Verdict.LATER, Verdict.LATER),
        (500, Verdict.LATER, Verdict.UNKNOWN),
        (501, Verdict.REFUSED, Verdict.REFUSED),
        (502, Verdict.LATER, Verdict.UNKNOWN),
        (503, Verdict.LATER, Verdict.UNKNOWN),
        (100, Verdict.LATER, Verdict.LATER),
    ],
)
def test_what_a_status_means(status: int, asking: Verdict, sending: Verdict) -> None:
    assert verdict(Answer(status=status)) is asking
    assert verdict(Answer(status=status), sending=True) is sending


def test_no_answer_to_a_send_that_may_have_arrived_is_unknown() -> None:
    arrived = Away(why="time-out", reached=True)
    unreached = Away(why="refused", reached=False)

    assert verdict(arrived, sending=True) is Verdict.UNKNOWN
    assert verdict(unreached, sending=True) is Verdict.LATER
    assert verdict(arrived) is Verdict.LATER


def test_a_server_that_says_it_does_not_do_this_is_taken_at_its_word() -> None:
    assert verdict(Answer(status=500), not_supported=True, sending=True) is Verdict.REFUSED
    assert refused_as_a_whole(Answer(status=500), not_supported=True)
    assert not refused_as_a_whole(Answer(status=500), not_supported=False)
    assert not refused_as_a_whole(Away(why="time-out", reached=True), not_supported=False)


def test_a_server_that_names_a_time_is_heard() -> None:
    assert pause(Answer(status=429, retry_after="30"), NOW) == timedelta(seconds=30)
    assert pause(Answer(status=429), NOW) == timedelta(0)
    assert pause(Away(why="refused", reached=False), NOW) == timedelta(0)
