"""Does what stands at the placer match what was performed?

The must-keep members of PROTOCOL §6 are compared by meaning: numbers by value, times as
instants, arrays in any order, references by what they lead to. Members beyond those sent are
ignored (servers add meta, display, narrative), but a must-keep member that we never sent and
that stands there all the same is a difference: it is a clinical claim that nobody made.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from fhir_mappings.model.json import Json, Tree, items, members, text

_Pick = Callable[[Tree], Json]


def _member(*path: str) -> _Pick:
    def pick(tree: Tree) -> Json:
        found: Json = tree
        for name in path:
            found = members(found).get(name)
        return found

    return pick


def _choice(stem: str) -> _Pick:
    """Pick `stem[x]` as an object that names its type, so that another type is a difference."""

    def pick(tree: Tree) -> Json:
        return {
            name: value
            for name, value in tree.items()
            if name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper()
        } or None

    return pick


def _medication(tree: Tree) -> Tree:
    """Follow `medicationReference` into `contained`; a server may rename what is contained."""
    wanted = text(tree, "medicationReference", "reference").removeprefix("#")
    found = [
        members(one) for one in items(tree.get("contained")) if wanted and text(one, "id") == wanted
    ]
    return found[0] if found else {}


def _medication_code(tree: Tree) -> Json:
    return _medication(tree).get("code") or tree.get("medicationCodeableConcept")


def _batch(member: str) -> _Pick:
    return lambda tree: members(_medication(tree).get("batch")).get(member)


MUST_KEEP: Final[Mapping[str, Mapping[str, _Pick]]] = MappingProxyType(
    {
        "Procedure": MappingProxyType(
            {
                "identifier": _member("identifier"),
                "status": _member("status"),
                "code": _member("code"),
                "subject": _member("subject"),
                "basedOn": _member("basedOn"),
                "performed": _choice("performed"),
                "bodySite": _member("bodySite"),
                "usedCode": _member("usedCode"),
                "note": _member("note"),
            }
        ),
        "MedicationAdministration": MappingProxyType(
            {
                "identifier": _member("identifier"),
                "status": _member("status"),
                "partOf": _member("partOf"),
                "subject": _member("subject"),
                "medication": _medication_code,
                "effective": _choice("effective"),
                "dosage.dose": _member("dosage", "dose"),
                "dosage.site": _member("dosage", "site"),
                "batch.lotNumber": _batch("lotNumber"),
                "batch.expirationDate": _batch("expirationDate"),
            }
        ),
    }
)
"""Type → member → where it stands. Source: PROTOCOL §6, Proof."""

_MAY_GROW: Final = frozenset({"identifier", "coding", "extension"})
"""Arrays to which a server may add its own items without changing what we said."""

_UNREAD: Final = frozenset({"display", "id"})
"""Members that servers rewrite; read where no code, reference or identifier stands beside."""
_SAYS_IT: Final = frozenset({"code", "reference", "identifier"})


def members_kept(rtype: str, keeps: tuple[str, ...]) -> Mapping[str, _Pick]:
    """Return the must-keep members of a type that a placer's server stores, by `Type.member`.

    Where `keeps` names none of the type, all of them: a proof that compares nothing is none.
    """
    names = {f"{rtype}.{member}": pick for member, pick in MUST_KEEP[rtype].items()}
    return {name: pick for name, pick in names.items() if name in keeps} or names


def unknown_members(keeps: tuple[str, ...]) -> tuple[str, ...]:
    """Return what in a registration names no must-keep member."""
    known = {f"{rtype}.{one}" for rtype, members in MUST_KEEP.items() for one in members}
    return tuple(one for one in keeps if one not in known)


def differing(sent: Tree, stands: Tree, *, keeps: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Name the must-keep members of `sent` that do not stand in `stands`.

    Args:
        sent: what we sent, with references as that server knows them.
        stands: what was read there, references made relative by `parse.readback`.
        keeps: `Type.member` names that this placer's server stores; empty means all.

    Returns:
        Names as `Procedure.bodySite`, in the order of the table; empty when everything stands.
    """
    rtype = text(sent, "resourceType")
    if text(stands, "resourceType") != rtype:
        return (f"{rtype}.resourceType",)
    return tuple(
        name
        for name, pick in members_kept(rtype, keeps).items()
        if not _same(pick(sent), pick(stands), grows=name.endswith(".identifier"))
    )


def _same(sent: Json, stands: Json, *, grows: bool) -> bool:
    if isinstance(sent, dict):
        return isinstance(stands, dict) and _same_object(sent, stands)
    if isinstance(sent, list):
        return isinstance(stands, list) and _same_array(sent, stands, grows=grows)
    if isinstance(sent, bool) or isinstance(stands, bool):
        return sent is stands
    if isinstance(sent, int | Decimal):
        return isinstance(stands, int | Decimal) and sent == stands
    if isinstance(sent, str):
        return isinstance(stands, str) and _same_text(sent, stands)
    return stands is None


def _same_object(sent: Tree, stands: Tree) -> bool:
    closed = _is_choice(sent) or _is_period(sent)
    if closed and set(sent) != set(stands):
        return False  # an end that we did not give, or another type of time, is another claim
    unread = frozenset[str]() if _SAYS_IT.isdisjoint(sent) else _UNREAD
    return all(
        _same(value, stands.get(name), grows=name in _MAY_GROW)
        for name, value in sent.items()
        if name not in unread
    )


def _same_array(sent: list[Json], stands: list[Json], *, grows: bool) -> bool:
    """Match one to one in any order; each item takes the first free one that equals it.

    Taking the first can miss a pairing where one item says less than another: then a person is
    asked in vain, but no difference is ever passed over.
    """
    if len(stands) < len(sent) or (len(stands) > len(sent) and not grows):
        return False
    free = list(stands)
    for item in sent:
        found = next((at for at, one in enumerate(free) if _same(item, one, grows=False)), None)
        if found is None:
            return False
        free.pop(found)
    return True


def _same_text(sent: str, stands: str) -> bool:
    if sent == stands:
        return True
    ours, theirs = _instant(sent), _instant(stands)
    return ours is not None and ours == theirs


def _instant(value: str) -> datetime | None:
    """Read a dateTime that has a time and a zone; partial dates compare as text."""
    if "T" not in value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _is_choice(tree: Tree) -> bool:
    return any(name.startswith(("performed", "effective")) for name in tree)


def _is_period(tree: Tree) -> bool:
    return bool(tree) and set(tree) <= {"start", "end"}
