"""AppointmentResponse, or an Appointment's new status → what it says to a proposal.

Source: PROTOCOL §6 "Answer"; FHIR R4 appointmentresponse.html. The tree was judged before.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from fhir_mappings.model.json import Tree, items, members, text
from fhir_mappings.model.proposal import Answer, Answered
from fhir_mappings.problems import Code, Problem, refuse_any

_ANSWERS: Final = frozenset(answer.value for answer in Answer)


def answered(tree: Tree, base: str) -> Answered:
    """Read an answer; `base` is our public FHIR base, for absolute references.

    Raises:
        Refused: `answer-form` for needs-action, a tentative one without a time, no Appointment
            of ours; `modifier-extension`, `implicit-rules` (DECISIONS 21).
    """
    refuse_any(_faults(tree, base))
    return Answered(
        appointment=local(text(tree, "appointment", "reference"), base).partition("/")[2],
        actor=_actor(tree, base),
        answer=Answer(text(tree, "participantStatus")),
        start=_instant(text(tree, "start")),
        end=_instant(text(tree, "end")),
        comment=text(tree, "comment"),
    )


def local(reference: str, base: str) -> str:
    """Return a reference as `Type/id` where it is ours, without version; else as it stands."""
    relative = reference.removeprefix(f"{base}/")
    return relative.partition("/_history/")[0]


def _faults(tree: Tree, base: str) -> Iterator[Problem]:
    if "modifierExtension" in tree:
        yield Problem(Code.MODIFIER_EXTENSION, "AppointmentResponse.modifierExtension")
    if "implicitRules" in tree:
        yield Problem(Code.IMPLICIT_RULES, "AppointmentResponse.implicitRules")
    rtype, _, rid = local(text(tree, "appointment", "reference"), base).partition("/")
    if rtype != "Appointment" or not rid or "/" in rid:
        yield Problem(Code.ANSWER_FORM, "AppointmentResponse.appointment")
    status = text(tree, "participantStatus")
    if status not in _ANSWERS:
        yield Problem(Code.ANSWER_FORM, "AppointmentResponse.participantStatus")
    if status == Answer.TENTATIVE and not ("start" in tree and "end" in tree):
        yield Problem(Code.ANSWER_FORM, "AppointmentResponse.start")


def _actor(tree: Tree, base: str) -> str:
    """Name who answers: the reference, or the participant type where there is none."""
    if reference := text(tree, "actor", "reference"):
        return local(reference, base)
    codings = [
        f"{text(coding, 'system')}|{text(coding, 'code')}"
        for concept in items(tree.get("participantType"))
        for coding in items(members(concept).get("coding"))
    ]
    return ",".join(sorted(codings)) or text(tree, "actor", "identifier", "value")


def _instant(value: str) -> datetime | None:
    return datetime.fromisoformat(value).astimezone(UTC) if value else None
