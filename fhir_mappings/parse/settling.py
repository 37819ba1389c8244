"""Parameters of `$tpi-settle`, `$tpi-arrive` and `$tpi-no-show` (PROTOCOL §2.3)."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from fhir_mappings.model.json import Tree
from fhir_mappings.parse.parameters import Parameters, missing

_SETTLE: Final = {"action": "valueCode", "reference": "valueUri", "note": "valueString"}
_AT: Final = {"at": "valueDateTime"}


class Action(StrEnum):
    """What a person does about a delivery that waits for one."""

    AGAIN = "again"
    ADOPT = "adopt"
    OTHER_MEANS = "other-means"


class Settling(msgspec.Struct, frozen=True, kw_only=True):
    """The action; `reference` is what stands at the placer, `note` how it was told otherwise."""

    action: Action
    reference: str = ""
    note: str = ""


def settling(tree: Tree) -> Settling:
    """Read how a delivery is settled.

    Raises:
        Refused: `parameters-form` by name: adopt needs a reference, other-means a note.
    """
    given = Parameters(tree, _SETTLE)
    try:
        action = Action(given.text("action"))
    except ValueError:
        raise missing("action") from None
    reference, note = given.text("reference").strip(), given.text("note").strip()
    if action is Action.ADOPT and not reference:
        raise missing("reference")
    if action is Action.OTHER_MEANS and not note:
        raise missing("note")
    return Settling(action=action, reference=reference, note=note)


def moment(tree: Tree) -> datetime | None:
    """Read when a patient came or did not, None where it is not said.

    Raises:
        Refused: `parameters-form` where it is no moment with a time and a zone.
    """
    value = Parameters(tree, _AT).one("at")
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise missing("at") from None
    if at.tzinfo is None:
        raise missing("at")
    return at
