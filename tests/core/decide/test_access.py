"""Who may do what, cell by cell (PROTOCOL §2.3, SECURITY T39)."""

from uuid import UUID

import pytest

from fhir_mappings.decide.access import allow, may
from fhir_mappings.model.caller import Caller, Role, Verb
from fhir_mappings.problems import Code, Refused

TENANT = UUID(int=1)
CELLS = {
    Verb.READ: "S R C T",
    Verb.PRECHECK: "S R C T",
    Verb.SEE_FEEDBACK: "R C O",
    Verb.APPROVE: "R C",
    Verb.OVERRIDE: "C",
    Verb.ASK: "R C",
    Verb.DEFER: "R C",
    Verb.DECLINE: "R C",
    Verb.PROPOSE: "S C",
    Verb.ANSWER_PROPOSAL: "S C",
    Verb.ANSWER_BY_PHONE: "S R C",
    Verb.CANCEL_BOOKING: "S C",
    Verb.REBOOK: "S C",
    Verb.ARRIVE: "S C",
    Verb.NO_SHOW: "S C",
    Verb.UNDO: "S C",
    Verb.RECORD_VISIT: "C",
    Verb.CORRECT_VISIT: "C",
    Verb.ANSWER_WITHDRAWAL: "C",
    Verb.SETTLE: "R C",
    Verb.RESEND: "R C O",
    Verb.CHANGE_SLOTS: "S O",
    Verb.CHANGE_SCHEDULE: "S O",
    Verb.CHANGE_CLINIC: "O",
}
LETTER = {
    Role.SCHEDULER: "S",
    Role.REVIEWER: "R",
    Role.CLINICIAN: "C",
    Role.OPERATOR: "O",
    Role.TESTER: "T",
}


def person(*roles: Role) -> Caller:
    return Caller(
        tenant=TENANT, zone="UTC", name="a person", person=UUID(int=2), roles=frozenset(roles)
    )


def placer() -> Caller:
    return Caller(tenant=TENANT, zone="UTC", name="a placer", placer=UUID(int=3))


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_its_row_says_and_nothing_else(role: Role, verb: Verb) -> None:
    assert may(person(role), verb) is (LETTER[role] in CELLS.get(verb, "").split())


def test_a_person_without_a_role_may_do_nothing() -> None:
    assert not any(may(person(), verb) for verb in Verb)


def test_a_placer_sends_answers_reads_and_withdraws_but_never_judges() -> None:
    allowed = {verb for verb in Verb if may(placer(), verb)}

    assert allowed == {
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


def test_a_refusal_names_the_verb_alone() -> None:
    with pytest.raises(Refused) as refused:
        allow(person(Role.SCHEDULER), Verb.OVERRIDE)

    assert refused.value.problems[0].code is Code.ROLE
    assert refused.value.problems[0].context == "override"
