"""Which of a patient's resources at the placer are ours, though they have lost our identifier.

Asked before a resend after an unknown answer: a server that drops identifiers shows nothing to a
search for ours, and would be sent a second record.

Source: PROTOCOL §6 (Never two): the visit's id stands in the note's words; a dose names its
Procedure and says what was given, when, how much and where.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from fhir_mappings.decide.proof import differing
from fhir_mappings.model.json import Tree, items, text

_DOSE: Final = tuple(
    f"MedicationAdministration.{member}"
    for member in ("medication", "effective", "dosage.dose", "dosage.site")
)


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """What of ours stands there: our identifier values → references.

    `twins`: something stands there twice. `certain` is False when a dose of our Procedure stands
    there that is none of those sent: then it cannot be said that one is missing.
    """

    places: dict[str, str]
    twins: bool
    certain: bool


def procedures(wanted: Mapping[str, Tree], there: Iterable[Tree]) -> Recognised:
    """Recognise the Procedure by the visit's id in its note; the first there is the oldest."""
    places: dict[str, str] = {}
    twins = False
    for stands in there:
        said = [text(note, "text") for note in items(stands.get("note"))]
        for value in wanted:
            if any(value in words for words in said):
                twins = twins or value in places
                places.setdefault(value, f"Procedure/{text(stands, 'id')}")
    return Recognised(places=places, twins=twins, certain=True)


def doses(wanted: Mapping[str, Tree], there: Iterable[Tree]) -> Recognised:
    """Recognise doses by what they say, among those that name the same Procedure."""
    places: dict[str, str] = {}
    strange = False
    for stands in there:
        left = {value: one for value, one in wanted.items() if value not in places}
        mine = [value for value, one in left.items() if _of_one_visit(one, stands)]
        same = [value for value in mine if not differing(left[value], stands, keeps=_DOSE)]
        if same:
            places[same[0]] = f"MedicationAdministration/{text(stands, 'id')}"
        strange = strange or bool(mine and not same)
    return Recognised(places=places, twins=False, certain=not strange or len(places) == len(wanted))


def _of_one_visit(sent: Tree, stands: Tree) -> bool:
    ours, theirs = (
        {text(one, "reference") for one in items(tree.get("partOf"))} for tree in (sent, stands)
    )
    return not ours.isdisjoint(theirs)
