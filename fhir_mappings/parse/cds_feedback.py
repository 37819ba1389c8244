"""What an EHR tells of our cards (CDS Hooks 2.0, Feedback)."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from fhir_mappings.model.hooks import OWN_REASON, Feedback, Reaction
from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse.instants import interval
from fhir_mappings.problems import Code, Problem, refuse_any
from fhir_mappings.terms import systems
from fhir_mappings.terms.override_reasons import DISPLAY

_NOBODYS: Final = UUID(int=0)
_REACTIONS: Final = frozenset(one.value for one in Reaction)


def feedback(tree: Tree) -> tuple[Feedback, ...]:
    """Read the reactions of one message.

    A card whose uuid is none is nobody's: it is kept in the list, so that places agree.

    Raises:
        Refused: `required`, `value-type`, `value-format` with their places, all at once.
    """
    listed = tree.get("feedback")
    if not isinstance(listed, list):
        code = Code.REQUIRED if listed is None else Code.VALUE_TYPE
        refuse_any([Problem(code, "feedback")])
    read = [_read(place, one) for place, one in enumerate(items(listed))]
    refuse_any(fault for one in read if not isinstance(one, Feedback) for fault in one)
    return tuple(one for one in read if isinstance(one, Feedback))


def _read(place: int, one: Json) -> Feedback | list[Problem]:
    at = f"feedback[{place}]"
    acted = interval(text(one, "outcomeTimestamp"))
    if acted is None or not text(one, "card") or text(one, "outcome") not in _REACTIONS:
        return list(_faults(at, one))
    return Feedback(
        card=_card(text(one, "card")),
        reaction=Reaction(text(one, "outcome")),
        reason=_reason(members(members(one).get("overrideReason")).get("reason")),
        at=acted[0],
    )


def _faults(at: str, one: Json) -> Iterator[Problem]:
    if not text(one, "card"):
        yield Problem(Code.REQUIRED, f"{at}.card")
    if text(one, "outcome") not in _REACTIONS:
        given = bool(members(one).get("outcome"))
        yield Problem(Code.VALUE_FORMAT if given else Code.REQUIRED, f"{at}.outcome")
    said = text(one, "outcomeTimestamp")
    if interval(said) is None:
        yield Problem(Code.NOT_A_DATE if said else Code.REQUIRED, f"{at}.outcomeTimestamp")


def _card(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        return _NOBODYS


def _reason(coding: Json) -> str:
    """Return a code of ours; what else the EHR offers is only known to be its own."""
    code = text(coding, "code")
    if text(coding, "system") == systems.OVERRIDE_REASON and code in DISPLAY:
        return code
    return OWN_REASON if code else ""
