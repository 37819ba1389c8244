"""Role by verb: who may do what (PROTOCOL §2.3, SECURITY T39)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhir_mappings.model.caller import Caller, Role, Verb
from fhir_mappings.problems import Code, Problem, Refused

_S, _R, _C, _O = Role.SCHEDULER, Role.REVIEWER, Role.CLINICIAN, Role.OPERATOR

_STAFF: Final[Mapping[Verb, frozenset[Role]]] = MappingProxyType(
    {
        Verb.READ: frozenset({_S, _R, _C, Role.TESTER}),
        Verb.PRECHECK: frozenset({_S, _R, _C, Role.TESTER}),
        Verb.SEE_FEEDBACK: frozenset({_R, _C, _O}),
        Verb.APPROVE: frozenset({_R, _C}),
        Verb.OVERRIDE: frozenset({_C}),
        Verb.ASK: frozenset({_R, _C}),
        Verb.DEFER: frozenset({_R, _C}),
        Verb.DECLINE: frozenset({_R, _C}),
        Verb.PROPOSE: frozenset({_S, _C}),
        Verb.ANSWER_PROPOSAL: frozenset({_S, _C}),
        Verb.ANSWER_BY_PHONE: frozenset({_S, _R, _C}),
        Verb.CANCEL_BOOKING: frozenset({_S, _C}),
        Verb.REBOOK: frozenset({_S, _C}),
        Verb.ARRIVE: frozenset({_S, _C}),
        Verb.NO_SHOW: frozenset({_S, _C}),
        Verb.UNDO: frozenset({_S, _C}),
        Verb.RECORD_VISIT: frozenset({_C}),
        Verb.CORRECT_VISIT: frozenset({_C}),
        Verb.ANSWER_WITHDRAWAL: frozenset({_C}),
        Verb.SETTLE: frozenset({_R, _C}),
        Verb.RESEND: frozenset({_R, _C, _O}),
        Verb.CHANGE_SLOTS: frozenset({_S, _O}),
        Verb.CHANGE_SCHEDULE: frozenset({_S, _O}),
        Verb.CHANGE_CLINIC: frozenset({_O}),
    }
)

_PLACER: Final = frozenset(
    {
        Verb.RECEIVE_REFERRAL,
        Verb.AMEND_REFERRAL,
        Verb.WITHDRAW_REFERRAL,
        Verb.ANSWER_QUESTION,
        Verb.ANSWER_PROPOSAL,
        Verb.CANCEL_BOOKING,
        Verb.STORE_RESOURCES,
        Verb.READ,
        Verb.PRECHECK,
    }
)

_SERVICE: Final = frozenset(
    {
        Verb.RESCREEN,
        Verb.EXPIRE,
        Verb.DELIVER,
        Verb.PROPOSE,
        Verb.CHANGE_CLINIC,
        Verb.SEE_FEEDBACK,
    }
)


def may(caller: Caller, verb: Verb) -> bool:
    """Tell whether a caller may do this at all; rows and stages decide the rest."""
    if caller.placer:
        return verb in _PLACER
    if caller.is_staff:
        return not caller.roles.isdisjoint(_STAFF.get(verb, frozenset()))
    return verb in _SERVICE


def staff_who_may(verb: Verb) -> tuple[Role, ...]:
    """Return the roles of the clinic's people that cover a verb."""
    return tuple(role for role in Role if role in _STAFF[verb])


def allow(caller: Caller, verb: Verb) -> None:
    """Let the caller pass, or refuse.

    Raises:
        Refused: `role` when the caller's side or roles do not cover the verb.
    """
    if not may(caller, verb):
        raise Refused(Problem(Code.ROLE, context=verb.value))
