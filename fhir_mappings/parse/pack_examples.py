"""Examples of a pack: referrals in short, each with what the pack must say of it.

One base gives nothing but what every order gives; an example adds resources to it, or changes the
order or the patient member by member, null taking a member away. References are `Type/id`.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, cast

import msgspec

from fhir_mappings.model.chart import Chart, chart
from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.json import Held, Identity, Tree, text
from fhir_mappings.parse.pack_files import fault, tree_of
from fhir_mappings.problems import Refused

FILE: Final = "examples.json"


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the file: unknown members are refused."""


class Base(_Strict, frozen=True):
    """The referral that every example changes, and the days and variant it is screened for."""

    day: date
    planned: date
    variant: str
    patient: dict[str, Any]
    order: dict[str, Any]
    entries: tuple[dict[str, Any], ...]


class Example(_Strict, frozen=True, kw_only=True):
    """One referral and its findings: every rule that fires, with its action.

    `rule` and `shows` say what the example is there for, where it is for one rule. `variant` is
    empty for the order's own, None for the base's.
    """

    name: str
    rule: str = ""
    shows: str = ""
    day: date | None = None
    planned: date | None = None
    variant: str | None = None
    patient: dict[str, Any] = {}
    order: dict[str, Any] = {}
    add: tuple[dict[str, Any], ...] = ()
    drop: frozenset[str] = frozenset()
    findings: dict[str, str]
    outcome: Outcome


class Examples(_Strict, frozen=True):
    """The examples of a pack; `base` is None where those of the pack below are changed."""

    cases: tuple[Example, ...]
    base: Base | None = None


def read_examples(data: bytes) -> Examples:
    """Read the file of examples.

    Raises:
        Refused: `pack`, with the member that is unknown or has another form.
    """
    try:
        return msgspec.convert(tree_of(data, FILE), Examples)
    except msgspec.ValidationError as reason:
        raise Refused(fault(str(reason), FILE)) from None


def chart_of(base: Base, example: Example) -> Chart:
    """Return the chart of one example."""
    entries = [one for one in base.entries if one["id"] not in example.drop]
    return chart(
        _held({**base.order, **example.order}),
        _held({**base.patient, **example.patient}),
        tuple(map(_held, [*entries, *example.add])),
    )


def _held(resource: Mapping[str, Any]) -> Held:
    tree = cast("Tree", {name: one for name, one in resource.items() if one is not None})
    identity = Identity(rtype=text(tree, "resourceType"), rid=text(tree, "id"))
    return Held(identity=identity, version=1, tree=tree)
