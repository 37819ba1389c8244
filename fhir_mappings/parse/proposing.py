"""Parameters of `$tpi-propose` and `$tpi-rebook` → what is to be offered (PROTOCOL §2.3)."""

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.model.json import Tree
from fhir_mappings.model.proposal import Policy
from fhir_mappings.parse.parameters import Parameters, missing
from fhir_mappings.problems import Code, Problem, Refused

_PROPOSE: Final = {
    "window": "valueReference",
    "policy": "valueCode",
    "from": "valueDate",
    "to": "valueDate",
    "expires": "valueInstant",
    "said-by": "valueString",
}
_REBOOK: Final = {"window": "valueReference", "reason": "valueString"}
_WINDOWS_AT_MOST: Final = 3


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a scheduler asks to offer; days are clinic days, `expires` is UTC."""

    windows: tuple[UUID, ...]
    policy: Policy
    first: date | None
    last: date | None
    expires: datetime | None
    said_by: str


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """Where a booking goes, and why in words."""

    window: UUID
    reason: str


def wanted(tree: Tree, *, base: str) -> Wanted:
    """Read the parameters of a proposal; `base` is our public base, for absolute references.

    Raises:
        Refused: `parameters-form` by name; `bad-date` where the days end before they begin.
    """
    given = Parameters(tree, _PROPOSE)
    windows = tuple(_slot(one, base) for one in given.references("window"))
    if len(windows) > _WINDOWS_AT_MOST or len(set(windows)) != len(windows):
        raise missing("window")
    said_by = given.text("said-by").strip()
    if given.one("said-by") is not None and (len(windows) != 1 or not said_by):
        raise missing("said-by")
    first, last = given.day("from"), given.day("to")
    if first and last and last < first:
        raise Refused(Problem(Code.BAD_DATE, "Parameters.parameter.where(name='to')"))
    return Wanted(
        windows=windows,
        policy=_policy(given),
        first=first,
        last=last,
        expires=_instant(given),
        said_by=said_by,
    )


def moved(tree: Tree, *, base: str) -> Moved:
    """Read the parameters of a rebooking.

    Raises:
        Refused: `parameters-form` by name.
    """
    given = Parameters(tree, _REBOOK)
    if given.one("window") is None:
        raise missing("window")
    return Moved(window=_slot(given.reference("window"), base), reason=given.text("reason"))


def _policy(given: Parameters) -> Policy:
    try:
        return Policy(given.text("policy") or Policy.EARLIEST)
    except ValueError:
        raise missing("policy") from None


def _instant(given: Parameters) -> datetime | None:
    value = given.text("expires")
    return datetime.fromisoformat(value).astimezone(UTC) if value else None


def _slot(reference: str, base: str) -> UUID:
    rtype, _, rid = reference.removeprefix(f"{base}/").partition("/")
    try:
        slot = UUID(rid)
    except ValueError:
        raise missing("window") from None
    if rtype != "Slot":
        raise missing("window")
    return slot
