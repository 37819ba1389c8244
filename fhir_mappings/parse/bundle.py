"""A transaction or batch Bundle as entries: what each asks, of which resource, in which bytes.

Source: FHIR R4 http.html#transaction; PROTOCOL §9 (order of verbs, one identity once).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from fhir_mappings.model.json import Identity, Tree, items, members, text
from fhir_mappings.problems import Code, Problem, refuse_any

_ID: Final = r"[A-Za-z0-9\-.]{1,64}"
_TYPE: Final = r"[A-Z][A-Za-z]+"
_URL: Final = re.compile(rf"(?P<rtype>{_TYPE})(?:/(?P<rid>{_ID}))?(?:\?(?P<query>.*))?")
_RESTFUL: Final = re.compile(rf"(?P<base>https?://.+)/(?P<rtype>{_TYPE})/(?P<rid>{_ID})")


class Method(StrEnum):
    """What an entry asks, in the order that a transaction carries them out."""

    DELETE = "DELETE"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    GET = "GET"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry.

    `rid` is the id in the request's address (PUT, DELETE, GET), empty else. `condition` is the
    query of If-None-Exist (POST) or of the address (conditional PUT, search), empty for none.
    `raw` are the resource's bytes as received.
    """

    place: int
    full_url: str
    method: Method
    rtype: str
    rid: str
    condition: str
    if_match: str
    tree: Tree
    raw: bytes

    @property
    def at(self) -> str:
        """Return the FHIRPath of the resource."""
        return f"Bundle.entry[{self.place}].resource"


def entries(tree: Tree, slices: Sequence[bytes], *, types: frozenset[str]) -> tuple[Entry, ...]:
    """Read the entries of a transaction or batch in document order.

    Args:
        tree: The Bundle, judged as R4 before.
        slices: The bytes of each entry's resource, empty where it has none (`guard.slices`).
        types: The resource types that `request.url` may name.

    Raises:
        Refused: `bundle-type`, `request-form`, `duplicate-identity`, `wrong-type`, `id-differs`.
    """
    problems: list[Problem] = []
    if text(tree, "type") not in ("transaction", "batch"):
        problems.append(Problem(Code.BUNDLE_TYPE, "Bundle.type"))
    found: list[Entry] = []
    for place, one in enumerate(items(tree.get("entry"))):
        entry, faults = _entry(place, members(one), slices[place], types)
        problems += faults
        if entry is not None:
            found.append(entry)
    if text(tree, "type") == "transaction":
        problems += _twice(found)
    refuse_any(problems)
    return tuple(found)


def carried(tree: Tree) -> tuple[Entry, ...]:
    """Read the resources of a Bundle that asks nothing of us, in document order.

    Each stands under its own id, else under that of its fullUrl, as if it were PUT there; in a
    history the newest version of each comes first and counts.

    Raises:
        Refused: `duplicate-identity` where a resource stands twice and none is the newer.
    """
    found: list[Entry] = []
    for place, one in enumerate(items(tree.get("entry"))):
        resource = members(members(one).get("resource"))
        if resource:
            found.append(_carried(place, text(one, "fullUrl"), resource))
    if text(tree, "type") == "history":
        first = {(one.rtype, one.rid or str(one.place)): one for one in reversed(found)}
        return tuple(one for one in found if one in first.values())
    count = Counter((one.rtype, one.rid) for one in found if one.rid)
    refuse_any(
        Problem(Code.DUPLICATE_IDENTITY, f"{one.at}.id")
        for one in found
        if count[one.rtype, one.rid] > 1
    )
    return tuple(found)


def _carried(place: int, full_url: str, resource: Tree) -> Entry:
    match = _RESTFUL.fullmatch(full_url)
    rid = text(resource, "id") or (match["rid"] if match else "")
    return Entry(
        place=place,
        full_url=full_url,
        method=Method.PUT if rid else Method.POST,
        rtype=text(resource, "resourceType"),
        rid=rid,
        condition="",
        if_match="",
        tree=resource,
        raw=b"",
    )


def address(entry: Entry) -> tuple[str, Identity] | None:
    """Return base and identity where the fullUrl is an address, as `http://base/Type/id`."""
    match = _RESTFUL.fullmatch(entry.full_url)
    if match is None:
        return None
    return match["base"], Identity(rtype=match["rtype"], rid=match["rid"])


def _entry(
    place: int, one: Tree, raw: bytes, types: frozenset[str]
) -> tuple[Entry | None, list[Problem]]:
    at = f"Bundle.entry[{place}]"
    request, resource = members(one.get("request")), members(one.get("resource"))
    match = _URL.fullmatch(text(request, "url"))
    method = text(request, "method")
    if match is None or method not in set(Method):
        return None, [Problem(Code.REQUEST_FORM, f"{at}.request")]
    entry = Entry(
        place=place,
        full_url=text(one, "fullUrl"),
        method=Method(method),
        rtype=match["rtype"],
        rid=match["rid"] or "",
        condition=match["query"] or text(request, "ifNoneExist"),
        if_match=text(request, "ifMatch"),
        tree=resource,
        raw=raw,
    )
    return entry, list(_faults(entry, at, types))


def _faults(entry: Entry, at: str, types: frozenset[str]) -> Iterable[Problem]:
    if entry.rtype not in types:
        yield Problem(Code.UNKNOWN_TYPE, f"{at}.request.url")
    if entry.method in (Method.POST, Method.PUT):
        if not entry.tree:
            yield Problem(Code.REQUIRED, f"{at}.resource")
        elif text(entry.tree, "resourceType") != entry.rtype:
            yield Problem(Code.WRONG_TYPE, f"{at}.resource")
    if entry.method is Method.POST and entry.rid:
        yield Problem(Code.REQUEST_FORM, f"{at}.request.url")
    if entry.method is Method.PUT:
        yield from _put_faults(entry, at)


def _put_faults(entry: Entry, at: str) -> Iterable[Problem]:
    if not entry.rid and not entry.condition:
        yield Problem(Code.REQUEST_FORM, f"{at}.request.url")
    elif entry.rid and text(entry.tree, "id") != entry.rid:
        yield Problem(Code.ID_DIFFERS, f"{at}.resource.id")


def _twice(found: Iterable[Entry]) -> Iterable[Problem]:
    """Find identities that two entries change, and fullUrls that stand twice."""
    changing = [one for one in found if one.rid and one.method is not Method.GET]
    count = Counter((one.rtype, one.rid) for one in changing)
    for one in changing:
        if count[one.rtype, one.rid] > 1:
            yield Problem(Code.DUPLICATE_IDENTITY, f"Bundle.entry[{one.place}].request.url")
