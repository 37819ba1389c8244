"""(stage, event, what stands beside it) → stage: the one transition table.

Source: PROTOCOL §3.3. A pair that is not listed is refused with `stage`.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.stage import DEAD, DONE, Event, Stage, Standing
from fhir_mappings.problems import Code, Problem, Refused


class _Go(Enum):
    """Where a transition leads when it is not one fixed stage."""

    BACK = "back"
    STAY = "stay"
    BY_SCREENING = "by screening"


_Target: TypeAlias = Stage | _Go
_Rows: TypeAlias = dict[Stage, _Target]

_BEFORE: Final = (
    Stage.RECEIVED,
    Stage.IN_REVIEW,
    Stage.CONTRAINDICATED,
    Stage.ASKED,
    Stage.DEFERRED,
    Stage.CLEARED,
    Stage.PROPOSED,
)
_WAITING: Final = (Stage.IN_REVIEW, Stage.CONTRAINDICATED, Stage.ASKED)


def _all(stages: tuple[Stage, ...], target: _Target) -> _Rows:
    return dict.fromkeys(stages, target)


_STAY_AFTER: Final = _all((*DEAD, *DONE), _Go.STAY)
_GATED: Final = (
    Stage.RECEIVED,
    Stage.CLEARED,
    Stage.PROPOSED,
    Stage.BOOKED,
    Stage.ARRIVED,
    Stage.NO_SHOW,
)

_TABLE: Final[Mapping[Event, _Rows]] = MappingProxyType(
    {
        Event.SCREENED_CLEAR: _all(tuple(Stage), _Go.STAY)
        | _all((Stage.RECEIVED, *_WAITING), _Go.BACK),
        Event.SCREENED_REVIEW: _STAY_AFTER
        | _all((*_GATED, Stage.CONTRAINDICATED), Stage.IN_REVIEW)
        | _all((Stage.IN_REVIEW, Stage.ASKED, Stage.DEFERRED), _Go.STAY),
        Event.SCREENED_BLOCK: _STAY_AFTER
        | _all((*_GATED, Stage.IN_REVIEW, Stage.ASKED), Stage.CONTRAINDICATED)
        | _all((Stage.CONTRAINDICATED, Stage.DEFERRED), _Go.STAY),
        Event.DECIDED: _all(_WAITING, _Go.BACK),
        Event.ASK: _all(
            (
                Stage.IN_REVIEW,
                Stage.CONTRAINDICATED,
                Stage.CLEARED,
                Stage.PROPOSED,
                Stage.BOOKED,
            ),
            Stage.ASKED,
        ),
        Event.ANSWERED: {Stage.ASKED: _Go.BY_SCREENING},
        Event.DEFER: _all(
            (*_WAITING, Stage.CLEARED, Stage.PROPOSED, Stage.BOOKED, Stage.NO_SHOW),
            Stage.DEFERRED,
        ),
        Event.DUE: {Stage.DEFERRED: _Go.BY_SCREENING},
        Event.DECLINE: _all((*_BEFORE, Stage.BOOKED, Stage.NO_SHOW), Stage.DECLINED),
        Event.PROPOSE: _all((Stage.CLEARED, Stage.PROPOSED, Stage.NO_SHOW), Stage.PROPOSED),
        Event.PROPOSALS_GONE: {Stage.PROPOSED: Stage.CLEARED},
        Event.BOOK: _all((Stage.PROPOSED, Stage.CLEARED, Stage.NO_SHOW), Stage.BOOKED),
        Event.REBOOK: _all((Stage.BOOKED,), Stage.BOOKED) | _all(_WAITING, _Go.STAY),
        Event.UNBOOK: _all((Stage.BOOKED,), Stage.CLEARED) | _all(_WAITING, _Go.STAY),
        Event.ARRIVE: _all((Stage.BOOKED,), Stage.ARRIVED) | _all(_WAITING, _Go.STAY),
        Event.NO_SHOW: _all((Stage.BOOKED,), Stage.NO_SHOW) | _all(_WAITING, _Go.STAY),
        Event.UNDO: _all((Stage.ARRIVED, Stage.NO_SHOW), Stage.BOOKED) | _all(_WAITING, _Go.STAY),
        Event.PERFORM: _all((Stage.BOOKED, Stage.ARRIVED), Stage.PERFORMED),
        Event.NOT_PERFORM: _all((Stage.BOOKED, Stage.ARRIVED), Stage.NOT_PERFORMED),
        Event.TRY_AGAIN: _all((Stage.BOOKED, Stage.ARRIVED), Stage.CLEARED),
        Event.PROVEN: {Stage.PERFORMED: Stage.WRITTEN_BACK},
        Event.CLOSE: {Stage.WRITTEN_BACK: Stage.CLOSED},
        Event.WITHDRAW: _all((*_BEFORE, Stage.BOOKED, Stage.NO_SHOW), Stage.WITHDRAWN)
        | {Stage.ARRIVED: _Go.STAY, Stage.WITHDRAWN: _Go.STAY},
        Event.WITHDRAWAL_ACCEPTED: {Stage.ARRIVED: Stage.WITHDRAWN},
        Event.VOID: _all((*_BEFORE, Stage.BOOKED, Stage.NO_SHOW), Stage.VOID)
        | {Stage.ARRIVED: _Go.STAY, Stage.VOID: _Go.STAY},
        Event.EXPIRE: _all(
            (
                Stage.RECEIVED,
                Stage.ASKED,
                Stage.DEFERRED,
                Stage.CLEARED,
                Stage.PROPOSED,
                Stage.NO_SHOW,
            ),
            Stage.EXPIRED,
        ),
        Event.CORRECT: _all(tuple(DONE), _Go.STAY),
        Event.RETRACT: {
            Stage.PERFORMED: Stage.CLEARED,
            Stage.WRITTEN_BACK: _Go.STAY,
            Stage.CLOSED: _Go.STAY,
        },
    }
)


def back(standing: Standing) -> Stage:
    """Say where a referral goes when nothing gates it any more."""
    if standing.arrived:
        return Stage.ARRIVED
    if standing.booked:
        return Stage.BOOKED
    return Stage.PROPOSED if standing.proposals else Stage.CLEARED


def screened(outcome: Outcome) -> Event:
    """Say which event an outcome of open findings is."""
    match outcome:
        case Outcome.BLOCK:
            return Event.SCREENED_BLOCK
        case Outcome.REVIEW:
            return Event.SCREENED_REVIEW
        case Outcome.CLEAR:
            return Event.SCREENED_CLEAR


def taken(outcome: Outcome, *, on_hold: bool) -> Stage:
    """Say where a new referral begins; an order that is on-hold begins deferred."""
    if on_hold:
        return Stage.DEFERRED
    return advance(Stage.RECEIVED, screened(outcome), Standing())


def advance(stage: Stage, event: Event, standing: Standing) -> Stage:
    """Move a stage by an event.

    Raises:
        Refused: `too-late` where the referral has ended or was performed, else `stage`.
    """
    target = _TABLE[event].get(stage)
    if target is None:
        code = Code.TOO_LATE if stage in DEAD | DONE else Code.STAGE
        raise Refused(Problem(code, context=stage.value))
    if isinstance(target, Stage):
        return target
    match target:
        case _Go.STAY:
            return stage
        case _Go.BACK:
            return back(standing)
        case _Go.BY_SCREENING:
            return _by_screening(standing)


def admits(stage: Stage, event: Event) -> bool:
    """Tell whether a stage takes an event at all."""
    return stage in _TABLE[event]


def _by_screening(standing: Standing) -> Stage:
    if standing.block:
        return Stage.CONTRAINDICATED
    return Stage.IN_REVIEW if standing.review else back(standing)
