"""Pages of resources as Bundles: searchset and history. The resources are put in as they stand.

Source: FHIR R4 bundle.html, http.html#search and #history; PROTOCOL §9.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

import msgspec

from fhir_mappings.model.json import Tree, encode
from fhir_mappings.model.moment import instant


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of a page: its absolute address and the text that is served."""

    full_url: str
    text: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a history; `text` is not shown where it was deleted."""

    full_url: str
    address: str
    rtype: str
    version: int
    at: datetime
    text: str
    deleted: bool


def searchset(
    matches: Iterable[Match],
    *,
    total: int | None,
    links: Sequence[tuple[str, str]],
    outcome: Tree | None = None,
) -> bytes:
    """Write one page of a search; `links` are relation and absolute address."""
    entries: list[object] = [
        {
            "fullUrl": one.full_url,
            "resource": msgspec.Raw(one.text.encode()),
            "search": {"mode": "match"},
        }
        for one in matches
    ]
    if outcome is not None:
        # it stands nowhere, yet an entry of a searchset has a fullUrl (R4 bundle.html#unique)
        name = uuid5(NAMESPACE_URL, encode(outcome).decode())
        entry = {"fullUrl": f"urn:uuid:{name}", "resource": outcome, "search": {"mode": "outcome"}}
        entries.append(entry)
    return _bundle("searchset", entries, total, links)


def historyset(
    versions: Iterable[Version], *, total: int, links: Sequence[tuple[str, str]]
) -> bytes:
    """Write one page of the versions of a resource, newest first."""
    return _bundle("history", [_version(one) for one in versions], total, links)


def _version(one: Version) -> object:
    if one.deleted:
        request, status = {"method": "DELETE", "url": one.address}, "204 No Content"
    elif one.version == 1:
        request, status = {"method": "POST", "url": one.rtype}, "201 Created"
    else:
        request, status = {"method": "PUT", "url": one.address}, "200 OK"
    entry: dict[str, object] = {"fullUrl": one.full_url}
    if not one.deleted:
        entry["resource"] = msgspec.Raw(one.text.encode())
    entry["request"] = request
    entry["response"] = {
        "status": status,
        "etag": f'W/"{one.version}"',
        "lastModified": instant(one.at),
    }
    return entry


def _bundle(
    kind: str, entries: list[object], total: int | None, links: Sequence[tuple[str, str]]
) -> bytes:
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = [{"relation": relation, "url": url} for relation, url in links]
    if entries:
        bundle["entry"] = entries
    return encode(bundle)
