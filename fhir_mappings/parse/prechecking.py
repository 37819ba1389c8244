"""The question of `$tpi-precheck`: a Bundle of any type, a day, a variant (PROTOCOL §2.2)."""

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.parse import bundle
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.parameters import Parameters, missing
from fhir_mappings.parse.query import IGNORED
from fhir_mappings.parse.resource import judge, judge_bundle
from fhir_mappings.parse.shape import Shape
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.terms.r4_names import RESOURCE_TYPES

_REFERRAL, _DAY, _VARIANT = "referral", "planned-date", "variant"
_ALLOWED: Final = {_REFERRAL: "resource", _DAY: "valueDate", _VARIANT: "valueCode"}
_STUB: Final[Tree] = {"resourceType": "Bundle", "type": "collection"}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be screened.

    `planned` None means the day that the order wishes, else today; `variant` None the order's own.
    `asks` tells a transaction or batch, which is read as the intake would read it: data of
    another patient refuse it, an id counts only where it is PUT.
    """

    entries: tuple[Entry, ...]
    asks: bool
    planned: date | None
    variant: str | None


def question(tree: Tree, query: Iterable[tuple[str, str]], shape: Shape) -> Question:
    """Read the body, Parameters or the Bundle itself, and the address.

    Raises:
        Refused: every fault for which the intake would refuse the Bundle; `parameters-form` for
            parameters that are not those of this operation, `unknown-parameter` in the address.
    """
    carried, day, variant = _said(tree, query, shape)
    refuse_any(judge_bundle(carried, shape))
    asks = text(carried, "type") in {"transaction", "batch"}
    return Question(entries=_entries(carried, asks=asks), asks=asks, planned=day, variant=variant)


def _entries(tree: Tree, *, asks: bool) -> tuple[Entry, ...]:
    if not asks:
        return bundle.carried(tree)
    no_bytes = [b""] * len(items(tree.get("entry")))  # nothing is stored
    return bundle.entries(tree, no_bytes, types=RESOURCE_TYPES)


def _said(
    tree: Tree, query: Iterable[tuple[str, str]], shape: Shape
) -> tuple[Tree, date | None, str | None]:
    if text(tree, "resourceType") == "Parameters":
        refuse_any(judge({**tree, "parameter": [*map(_stubbed, _parameters(tree))]}, shape))
        said = Parameters(tree, _ALLOWED)
        return _bundle(said), said.day(_DAY), said.text(_VARIANT) or None
    wanted = [pair for pair in query if pair[0] not in IGNORED]
    if any(name not in {_DAY, _VARIANT} for name, _ in wanted):
        raise Refused(Problem(Code.UNKNOWN_PARAMETER))
    asked = dict(wanted)
    return tree, _day(asked.get(_DAY, "")), asked.get(_VARIANT)


def _parameters(tree: Tree) -> list[Json]:
    return items(tree.get("parameter"))


def _stubbed(one: Json) -> Json:
    """Judge Parameters without the Bundle, which is judged under its own name."""
    if text(one, "resource", "resourceType") == "Bundle":
        return {**members(one), "resource": _STUB}
    return one


def _bundle(said: Parameters) -> Tree:
    found = members(said.one(_REFERRAL))
    if text(found, "resourceType") != "Bundle":
        raise missing(_REFERRAL)
    return found


def _day(value: str) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refused(Problem(Code.PARAMETER_VALUE, _DAY)) from None
