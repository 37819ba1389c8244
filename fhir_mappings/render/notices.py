"""What a taken referral is told beside its order: Task, screening, findings, stage.

Source: PROTOCOL §4.2 and §10 (`notice`); ex 01, ex 02. Sentences are for the referrer's reader.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from fhir_mappings.model.finding import Finding, Outcome, Screening
from fhir_mappings.model.stage import Stage
from fhir_mappings.render.outcome import Issue, notice
from fhir_mappings.terms import systems

_NEXT: Final[Mapping[Outcome, str]] = {
    Outcome.CLEAR: "Nothing stands against it; the clinic proposes appointments next.",
    Outcome.REVIEW: "A clinician of the clinic decides before any appointment is proposed.",
    Outcome.BLOCK: "A clinician of the clinic must decide; nothing is booked until then.",
}
_SAID: Final[Mapping[str, str]] = {
    "duplicate": "This order is already held: nothing was created, nothing changed.",
    "amended": "This order was held already: what is new was stored and screened.",
    "differs": (
        "This order was held already and says something else: it was ignored because of "
        "ifNoneExist; what came with it was stored and screened. Leave ifNoneExist out, or PUT."
    ),
}
_CODE: Final[Mapping[str, str]] = {
    "duplicate": "repeated",
    "amended": "amended",
    "differs": "differs",
}
UNREAD: Final = "This leads to nothing that you sent here: it was kept, and not read."
_MOST_UNREAD: Final = 50


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A referral as it was taken.

    `verdict` is accepted, duplicate, amended or differs; `task` the absolute address of the
    coordination Task; `places` lead from a relative reference to the entry that brought it;
    `unread` is where the message names what stands neither in it nor here.
    """

    verdict: str
    task: str
    stage: Stage
    screening: Screening | None
    open: Sequence[Finding]
    places: Mapping[str, int]
    unread: Sequence[str] = ()


def notices(taken: Taken) -> Iterator[Issue]:
    """Yield what the order's entry tells."""
    if taken.verdict in _SAID:
        yield _verdict(taken.verdict)
    yield notice("task", f"Coordination Task: {taken.task}")
    if taken.screening is not None:
        yield notice("screening", _screened(taken.screening))
    for one in taken.open:
        said = f"{one.rule}: {one.referrer or one.title}"
        yield notice("finding", said, severity="warning", expression=where(one, taken.places))
    for place in taken.unread[:_MOST_UNREAD]:
        yield notice("not-checked", UNREAD, severity="warning", expression=place)
    if taken.verdict != "accepted":
        yield notice("stage", f"Stage now: {taken.stage.value}.")


def _verdict(verdict: str) -> Issue:
    code, said = _CODE[verdict], _SAID[verdict]
    if verdict == "differs":
        return notice(code, said, severity="warning")
    issue = "duplicate" if verdict == "duplicate" else "informational"
    return Issue(severity="information", issue=issue, system=systems.NOTICE, code=code, text=said)


def _screened(screening: Screening) -> str:
    said = screening.outcome
    return f"Outcome {said.value}, pack {screening.pack} {screening.pack_version}. {_NEXT[said]}"


def where(finding: Finding, places: Mapping[str, int]) -> str:
    """Return the first evidence that this message brought, as a FHIRPath of its Bundle."""
    for one in finding.evidence:
        if one.reference in places:
            rest = one.path.partition(".")[2]
            at = f"Bundle.entry[{places[one.reference]}].resource"
            return f"{at}.{rest}" if rest else at
    return ""
