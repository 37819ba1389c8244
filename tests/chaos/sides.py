"""Both sides of a run as a stranger reads them: rows by plain SQL, the placer by plain HTTP.

Nothing of `service` or `fhir_mappings` is used here or in the checker: who judges a run shares no
code with what it judges.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

Tree = dict[str, Any]
Row = dict[str, Any]

_QUERIES: Final = {
    "referrals": "SELECT * FROM referral",
    "reviews": "SELECT * FROM review",
    "proposals": "SELECT * FROM proposal",
    "holds": "SELECT * FROM hold WHERE state = 'booked'",
    "visits": "SELECT * FROM visit",
    "writebacks": "SELECT * FROM writeback",
    "jobs": "SELECT * FROM outbox",
    "audits": "SELECT *, (extract(epoch FROM at) * 1000000)::bigint AS micros FROM audit",
}
_KEPT: Final = "SELECT rtype, rid, space, body FROM resource WHERE NOT deleted"
_TYPES: Final = ("Patient", "ServiceRequest", "Procedure", "MedicationAdministration", "Task")
_PAGE: Final = 100


@dataclass(frozen=True, kw_only=True)
class Clinic:
    """What the clinic's database holds; `kept` are its resources by type and id."""

    referrals: list[Row]
    reviews: list[Row]
    proposals: list[Row]
    holds: list[Row]
    visits: list[Row]
    writebacks: list[Row]
    jobs: list[Row]
    audits: list[Row]
    kept: dict[str, dict[str, Tree]]


@dataclass(frozen=True, kw_only=True)
class There:
    """What the placer's server holds, by type and id."""

    kept: dict[str, dict[str, Tree]] = field(default_factory=dict[str, dict[str, Tree]])

    def of(self, rtype: str) -> list[Tree]:
        """Return the resources of a type."""
        return list(self.kept.get(rtype, {}).values())


async def read_clinic(url: str) -> Clinic:
    """Read the clinic's rows as the superuser, whom no wall keeps out."""
    conn = await asyncpg.connect(url)
    try:
        rows = {
            name: [dict(one) for one in await conn.fetch(sql)] for name, sql in _QUERIES.items()
        }
        kept: dict[str, dict[str, Tree]] = {}
        for one in await conn.fetch(_KEPT):
            kept.setdefault(one["rtype"], {})[one["rid"]] = json.loads(one["body"])
    finally:
        await conn.close()
    return Clinic(**rows, kept=kept)


def read_there(base: str, token: str) -> There:
    """Read the placer's server page by page."""
    return There(
        kept={rtype: {one["id"]: one for one in _all(base, token, rtype)} for rtype in _TYPES}
    )


def ask(base: str, token: str, method: str, path: str, body: Tree | None = None) -> Tree:
    """Exchange one request for one body; the path is below the base, or absolute."""
    at = urlsplit(path if path.startswith("http") else f"{base}/{path}")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/fhir+json"}
    sent = None if body is None else json.dumps(body)
    target = f"{at.path}?{at.query}" if at.query else at.path
    with closing(http.client.HTTPConnection(at.netloc, timeout=30)) as asked:
        asked.request(method, target, sent, headers)
        with asked.getresponse() as answer:
            told = answer.read()
    if answer.status >= 300:
        raise ConnectionError(f"the placer's server answers {answer.status}")
    return json.loads(told) if told else {}


def _all(base: str, token: str, rtype: str) -> Iterator[Tree]:
    path = f"{rtype}?_count={_PAGE}"
    while path:
        bundle = ask(base, token, "GET", path)
        yield from (one["resource"] for one in bundle.get("entry", ()))
        links = {one["relation"]: one["url"] for one in bundle.get("link", ())}
        path = links.get("next", "")
