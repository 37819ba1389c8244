"""A placer's answer → what stands there. Every answer is hostile, and a claim at most.

Read with the same guard as a request (duplicate members, depth, numbers, text), so that two
readers cannot see two things in one body. An address is never followed: only type and id are
taken from it, and only where it stands under the placer's own base.
"""

import hashlib
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from fhir_mappings.model.json import Identity, Json, Tree, items, members, text
from fhir_mappings.model.writeback import Answer, Away, Found, Reply, Stood
from fhir_mappings.parse import guard
from fhir_mappings.parse.limits import Limits
from fhir_mappings.problems import Refused

_LIMITS: Final = Limits(
    body_bytes=8 * 1024 * 1024,  # L07
    containers=200_000,
    commas=500_000,
)
_PLACE: Final = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]{1,64})?")
_VERSION: Final = re.compile(r'(?:W/)?"?([^"\s]{1,64})"?')
_MATCHES: Final = frozenset({"", "match"})


def tree_of(reply: Reply) -> Tree:
    """Read an answer's body as one JSON object; what cannot be read is an empty tree."""
    if isinstance(reply, Away) or not reply.body:
        return {}
    try:
        return guard.read(reply.body, _LIMITS)
    except Refused:
        return {}


def not_supported(reply: Reply) -> bool:
    """Tell whether the server says that it does not do this at all, whatever its status."""
    if isinstance(reply, Away) or reply.status < 400:  # noqa: PLR2004 - HTTP's own class
        return False
    return any(
        text(issue, "code") == "not-supported" for issue in items(tree_of(reply).get("issue"))
    )


def stands(reply: Reply, base: str, wanted: Identity) -> Tree:
    """Return the resource that was read, its references made relative to that server.

    Empty when the body is anything else than the resource asked for.
    """
    tree = tree_of(reply)
    if text(tree, "resourceType") != wanted.rtype or text(tree, "id") != wanted.rid:
        return {}
    return members(_relative(tree, base))


def stood(reply: Answer, tree: Tree, wanted: Identity) -> Stood:
    """Keep what a proof needs: where, which version, and a digest of the bytes that were read."""
    return Stood(
        reference=str(wanted),
        version=version_of(reply, tree),
        digest=hashlib.sha256(reply.body).hexdigest(),
    )


def version_of(reply: Answer, tree: Tree) -> str:
    """Read the version, opaque text: `meta.versionId`, else the ETag in any of its forms."""
    found = _VERSION.fullmatch(reply.etag.strip())
    return text(tree, "meta", "versionId") or (found[1] if found else "")


def placed(address: str, base: str) -> Identity | None:
    """Take type and id from a Location: relative, or absolute under the placer's base."""
    found = _PLACE.fullmatch(_under(address, base))
    return Identity(rtype=found[1], rid=found[2]) if found else None


def created(reply: Answer, base: str, rtype: str) -> Identity | None:
    """Say where a server put what it created: its Location, else the body's type and id."""
    told = placed(reply.location, base)
    if told is None:
        tree = tree_of(reply)
        told = placed(f"{text(tree, 'resourceType')}/{text(tree, 'id')}", base)
    return told if told is not None and told.rtype == rtype else None


def transacted(reply: Answer, base: str) -> tuple[Identity | None, ...]:
    """Read the places of a transaction's answer, in the order of the request.

    Empty when the answer is no transaction-response at all.
    """
    tree = tree_of(reply)
    if text(tree, "type") != "transaction-response":
        return ()
    return tuple(_entry_place(members(entry), base) for entry in items(tree.get("entry")))


def found(reply: Reply, base: str, rtype: str, *, system: str, value: str) -> Found | None:
    """Read a search by identifier; None when the answer is no searchset.

    A server that ignored the question answers with anything it has: only what carries the
    identifier counts, and anything else makes the answer dishonest. Oldest first (F26).
    """
    tree = tree_of(reply)
    if text(tree, "type") != "searchset":
        return None
    matches = _matches(tree)
    ours = [one for one in matches if text(one, "resourceType") == rtype]
    ours = [one for one in ours if carries(one, system, value)]
    ours.sort(key=lambda one: text(one, "meta", "lastUpdated"))
    places = [placed(f"{rtype}/{text(one, 'id')}", base) for one in ours]
    return Found(
        references=tuple(str(place) for place in places if place),
        honest=len(ours) == len(matches) and all(places),
    )


def every(reply: Reply, base: str, rtype: str) -> tuple[Tree, ...] | None:
    """Read a search whole: what it matched of a type, references relative to that server.

    Oldest first. None when the answer is no searchset, or only the first page of one.
    """
    tree = tree_of(reply)
    if text(tree, "type") != "searchset":
        return None
    if any(text(link, "relation") == "next" for link in items(tree.get("link"))):
        return None
    ours = [one for one in _matches(tree) if text(one, "resourceType") == rtype]
    ours.sort(key=lambda one: text(one, "meta", "lastUpdated"))
    return tuple(members(_relative(one, base)) for one in ours)


def carries(tree: Json, system: str, value: str) -> bool:
    """Tell whether a resource has this identifier."""
    return any(
        text(one, "system") == system and text(one, "value") == value
        for one in items(members(tree).get("identifier"))
    )


def _matches(searchset: Tree) -> list[Tree]:
    matches = [
        members(members(entry).get("resource"))
        for entry in items(searchset.get("entry"))
        if text(entry, "search", "mode") in _MATCHES
    ]
    return [one for one in matches if text(one, "resourceType") != "OperationOutcome"]


def _entry_place(entry: Tree, base: str) -> Identity | None:
    resource = members(entry.get("resource"))
    return placed(text(entry, "response", "location"), base) or placed(
        f"{text(resource, 'resourceType')}/{text(resource, 'id')}", base
    )


def _relative(value: Json, base: str) -> Json:
    if isinstance(value, dict):
        return {
            name: _local(item, base)
            if name == "reference" and isinstance(item, str)
            else _relative(item, base)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_relative(item, base) for item in value]
    return value


def _local(reference: str, base: str) -> str:
    place = placed(reference, base)
    return str(place) if place else reference


def _under(address: str, base: str) -> str:
    """Cut the base off an absolute address; scheme, host and port are compared as a tuple (T14).

    Nothing is left of one under another origin, or whose path only begins with the same letters.
    """
    if "://" not in address:
        return address.removeprefix("./")
    try:
        theirs, ours = urlsplit(address), urlsplit(base)
        same = _origin(theirs) == _origin(ours)
    except ValueError:
        return ""
    root = ours.path.rstrip("/") + "/"
    plain = not (theirs.username or theirs.query or theirs.fragment)
    return theirs.path.removeprefix(root) if same and plain and theirs.path.startswith(root) else ""


def _origin(address: SplitResult) -> tuple[str, str, int]:
    port = address.port or {"http": 80, "https": 443}.get(address.scheme, 0)
    return address.scheme, address.hostname or "", port
