"""PUT or PATCH of an Appointment → the one thing that may change: booked or cancelled.

Source: PROTOCOL §6 "Answer": beside cancelled also cancelationReason and comment, no other field.
RFC 6902 for the patch, of which only add, replace and test are taken.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.problems import Code, Problem, Refused, refuse_any

_MAY: Final = frozenset({"status", "cancelationReason", "comment"})
_ASIDE: Final = frozenset({"id", "meta", *_MAY})
_OPS: Final = frozenset({"add", "replace", "test"})


class To(StrEnum):
    """What an Appointment may be made from outside."""

    BOOKED = "booked"
    CANCELLED = "cancelled"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The change asked for, with the reason and comment that came with it."""

    to: To
    reason: str
    comment: str


def put(standing: Tree, tree: Tree) -> Change | None:
    """Read a PUT over the standing Appointment; None where it changes nothing.

    Raises:
        Refused: `field-not-yours` for each member that differs and may not;
            `modifier-extension`, `implicit-rules`.
    """
    refuse_any(_unknown(tree))
    refuse_any(
        Problem(Code.FIELD_NOT_YOURS, f"Appointment.{name}")
        for name in sorted({*standing, *tree} - _ASIDE)
        if standing.get(name) != tree.get(name)
    )
    return _change(standing, {name: tree[name] for name in _MAY & tree.keys()})


def patch(standing: Tree, operations: Json) -> Change | None:
    """Read a JSON Patch of the standing Appointment; None where it changes nothing.

    Raises:
        Refused: `field-not-yours` for each path or operation that is not ours to take;
            `condition-none` where a `test` does not hold.
    """
    if not items(operations):
        raise Refused(Problem(Code.REQUIRED, "$"))
    refuse_any(_patch_faults(standing, operations))
    said = {
        text(one, "path").removeprefix("/"): members(one).get("value")
        for one in items(operations)
        if text(one, "op") != "test"
    }
    return _change(standing, said)


def _change(standing: Tree, said: Mapping[str, Json]) -> Change | None:
    status = said.get("status", standing.get("status"))
    if all(standing.get(name) == value for name, value in said.items()):
        return None
    if status == standing.get("status") or status not in set(To):
        raise Refused(Problem(Code.FIELD_NOT_YOURS, "Appointment.status"))
    to = To(str(status))
    reason, comment = said.get("cancelationReason"), said.get("comment")
    if to is To.BOOKED:
        _only_status(standing, said)
    return Change(
        to=to,
        reason=_words(reason),
        comment=comment if isinstance(comment, str) and comment != standing.get("comment") else "",
    )


def _only_status(standing: Tree, said: Mapping[str, Json]) -> None:
    refuse_any(
        Problem(Code.FIELD_NOT_YOURS, f"Appointment.{name}")
        for name in sorted(said.keys() - {"status"})
        if standing.get(name) != said[name]
    )


def _patch_faults(standing: Tree, operations: Json) -> Iterator[Problem]:
    for at, one in enumerate(items(operations)):
        op, name = text(one, "op"), text(one, "path").removeprefix("/")
        if op not in _OPS or (op != "test" and name not in _MAY):
            yield Problem(Code.FIELD_NOT_YOURS, f"$[{at}].path")
        elif op == "test" and standing.get(name) != members(one).get("value"):
            yield Problem(Code.CONDITION_NONE, f"$[{at}]")


def _unknown(tree: Tree) -> Iterator[Problem]:
    if "modifierExtension" in tree:
        yield Problem(Code.MODIFIER_EXTENSION, "Appointment.modifierExtension")
    if "implicitRules" in tree:
        yield Problem(Code.IMPLICIT_RULES, "Appointment.implicitRules")


def _words(concept: Json) -> str:
    said = [text(one, "display") for one in items(members(concept).get("coding"))]
    return text(concept, "text") or next((one for one in said if one), "")
