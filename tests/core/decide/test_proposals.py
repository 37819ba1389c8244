"""How long a window is held, which ones a policy takes, and what an answer does."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from fhir_mappings.decide import proposals
from fhir_mappings.decide.proposals import Effect
from fhir_mappings.model.proposal import Answer, Answered, Policy, Proposal, ProposalState
from fhir_mappings.model.window import Span
from fhir_mappings.problems import Code, Refused

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
START = datetime(2026, 12, 3, 14, 30, tzinfo=UTC)
ZONE = "America/New_York"
HOLD, LEAD = timedelta(hours=48), timedelta(hours=2)


def a_proposal(
    state: ProposalState = ProposalState.OPEN, expires: datetime = NOW + HOLD
) -> Proposal:
    return Proposal(
        id=UUID(int=1),
        referral=UUID(int=2),
        hold=UUID(int=3),
        window=UUID(int=4),
        practitioner="p",
        location="l",
        start=START,
        end=START + timedelta(minutes=30),
        round=1,
        state=state,
        expires=expires,
        made_at=NOW,
    )


def an_answer(answer: Answer, start: datetime | None = None, minutes: int = 30) -> Answered:
    return Answered(
        appointment="1",
        actor="Patient/1",
        answer=answer,
        start=start,
        end=start + timedelta(minutes=minutes) if start else None,
        comment="",
    )


def a_span(start: datetime) -> Span:
    return Span(start=start, end=start + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("start", "wanted", "expires"),
    [
        (START, None, NOW + HOLD),
        (NOW + timedelta(hours=30), None, NOW + timedelta(hours=28)),
        (NOW + timedelta(hours=1), None, NOW + timedelta(hours=1)),  # by name: until it starts
        (START, NOW + timedelta(hours=5), NOW + timedelta(hours=5)),
        (START, NOW + timedelta(days=30), START - LEAD),
    ],
)
def test_a_window_is_held_until_the_earlier_of_hold_and_lead(
    start: datetime, wanted: datetime | None, expires: datetime
) -> None:
    said = proposals.expiry(start, NOW, hold=HOLD, lead=LEAD, wanted=wanted)

    assert said == expires


def test_a_hold_that_would_end_in_the_past_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        proposals.expiry(START, NOW, hold=HOLD, lead=LEAD, wanted=NOW)

    assert refused.value.problems[0].code is Code.BAD_DATE


def test_spread_takes_one_window_a_clinic_day() -> None:
    chosen = [a_span(datetime(2026, 12, 4, 1, 0, tzinfo=UTC))]  # 20:00 on the 3rd in the clinic
    same_day = a_span(START)
    next_day = a_span(START + timedelta(days=1))

    assert not proposals.suits(same_day, chosen, Policy.SPREAD, ZONE)
    assert proposals.suits(next_day, chosen, Policy.SPREAD, ZONE)
    assert proposals.suits(same_day, chosen, Policy.EARLIEST, ZONE)


def test_no_policy_offers_two_windows_at_one_time() -> None:
    other_room = a_span(START)

    assert not proposals.suits(other_room, [a_span(START)], Policy.EARLIEST, ZONE)


@pytest.mark.parametrize(
    ("answer", "effect"),
    [
        (an_answer(Answer.ACCEPTED), Effect.BOOK),
        (an_answer(Answer.DECLINED), Effect.RELEASE),
        (an_answer(Answer.TENTATIVE, START + timedelta(days=1)), Effect.COUNTER),
    ],
)
def test_an_open_proposal_takes_each_answer(answer: Answered, effect: Effect) -> None:
    said = proposals.effect(a_proposal(), answer, standing=None, bookable=True, now=NOW)

    assert said is effect


@pytest.mark.parametrize("state", ProposalState)
def test_an_answer_equal_to_the_standing_one_is_its_repeat(state: ProposalState) -> None:
    answer = an_answer(Answer.ACCEPTED)

    said = proposals.effect(a_proposal(state), answer, standing=answer, bookable=False, now=NOW)

    assert said is Effect.REPEAT


@pytest.mark.parametrize(
    ("state", "expires"),
    [
        (ProposalState.OPEN, NOW),
        (ProposalState.EXPIRED, NOW),
        (ProposalState.WITHDRAWN, NOW + HOLD),
    ],
)
@pytest.mark.parametrize("answer", Answer)
def test_an_answer_after_the_hold_is_late(
    state: ProposalState, expires: datetime, answer: Answer
) -> None:
    said = proposals.effect(
        a_proposal(state, expires),
        an_answer(answer, START),
        standing=None,
        bookable=True,
        now=NOW,
    )

    assert said is Effect.LATE


@pytest.mark.parametrize(
    ("state", "bookable"),
    [
        (ProposalState.WITHDRAWN, False),
        (ProposalState.DECLINED, True),
        (ProposalState.COUNTERED, True),
        (ProposalState.CANCELLED, True),
        (ProposalState.FULFILLED, False),
    ],
)
def test_an_answer_to_what_is_settled_is_refused(*, state: ProposalState, bookable: bool) -> None:
    answer = an_answer(Answer.ACCEPTED)

    with pytest.raises(Refused) as refused:
        proposals.effect(a_proposal(state), answer, standing=None, bookable=bookable, now=NOW)

    assert refused.value.problems[0].code is Code.STAGE


def test_another_answer_to_an_answered_proposal_is_refused() -> None:
    accepted, declined = an_answer(Answer.ACCEPTED), an_answer(Answer.DECLINED)

    with pytest.raises(Refused) as refused:
        proposals.effect(
            a_proposal(ProposalState.ACCEPTED),
            declined,
            standing=accepted,
            bookable=False,
            now=NOW,
        )

    assert refused.value.problems[0].code is Code.STAGE


def test_an_answer_that_agrees_with_what_staff_did_is_kept() -> None:
    said = proposals.effect(
        a_proposal(ProposalState.ACCEPTED),
        an_answer(Answer.ACCEPTED),
        standing=None,
        bookable=False,
        now=NOW,
    )

    assert said is Effect.AGREE


@pytest.mark.parametrize(
    "answer",
    [
        an_answer(Answer.TENTATIVE),
        an_answer(Answer.TENTATIVE, NOW - timedelta(hours=1)),
        an_answer(Answer.TENTATIVE, START, minutes=-30),
        an_answer(Answer.TENTATIVE, START, minutes=45),
    ],
)
def test_a_counter_proposal_of_no_possible_time_has_no_time(answer: Answered) -> None:
    said = proposals.effect(a_proposal(), answer, standing=None, bookable=True, now=NOW)

    assert said is Effect.NO_TIME


def test_an_acceptance_of_another_time_than_the_one_proposed_has_no_time() -> None:
    answer = an_answer(Answer.ACCEPTED, START + timedelta(hours=1))

    said = proposals.effect(a_proposal(), answer, standing=None, bookable=True, now=NOW)

    assert said is Effect.NO_TIME


@pytest.mark.parametrize(
    ("rounds", "still_open", "again"), [(1, 0, True), (2, 0, True), (3, 0, False), (1, 1, False)]
)
def test_the_policy_proposes_again_at_most_to_three_rounds(
    *, rounds: int, still_open: int, again: bool
) -> None:
    assert proposals.proposes_again(rounds, still_open=still_open) is again


def test_a_referral_has_room_for_three_open_proposals() -> None:
    standing = [a_proposal(), a_proposal(ProposalState.DECLINED)]

    assert proposals.places(standing, 3) == 2
