"""A FHIR server whose address a person typed in: what the loop's stories and the demo call.

Deliveries go by `clients.fhir` with its egress guard; here a person runs a command against
servers of their own choice and wants to read, afterwards, everything that was said.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, cast

import httpx2
import msgspec

from fhir_mappings.model.json import Json, Tree, encode, members

FHIR_JSON: Final = "application/fhir+json"
SECONDS: Final = 15.0
"""How long one exchange may take: as long as the door itself gives a request (L22)."""


class Unreachable(Exception):
    """No answer came. The text names the caller and the kind of fault, never what was sent."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: the status, where the resource stands, and the parsed body (or nothing)."""

    status: int
    location: str
    etag: str
    tree: Tree


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer, as a story shows it. Tokens are left out."""

    who: str
    method: str
    url: str
    sent: Json
    status: int
    received: Json


class Server:
    """One caller at one server: a base address, a bearer token, and everything exchanged.

    `who` is the caller as a reader knows them ("Northside EHR", "the reviewer"); an empty token is
    not sent. Proxies of the environment are not asked and redirects are not followed: a redirect
    is an answer to show.
    """

    def __init__(self, base: str, token: str, *, who: str, log: list[Exchange]) -> None:
        self.base = base.rstrip("/")
        self.who = who
        self._log = log
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx2.Client(
            # HAPI answers a search from a minute ago unless told not to; a story asks about now
            headers={"Accept": FHIR_JSON, "Cache-Control": "no-cache", **bearer},
            timeout=SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Keep the connection open between calls."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def get(self, path: str) -> Answer:
        """Read or search: `path` below the base, or an absolute address."""
        return self.send("GET", path)

    def reaches(self, path: str) -> bool:
        """Say whether the server answers 200 there: it is up when it answers."""
        try:
            return self.get(path).status == HTTPStatus.OK
        except Unreachable:
            return False

    def post(self, path: str, body: Json, headers: Mapping[str, str] | None = None) -> Answer:
        """Create, transact (`path` empty) or call an operation."""
        return self.send("POST", path, body, headers)

    def send(
        self,
        method: str,
        path: str,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Exchange one request for one answer, and keep both.

        Raises:
            Unreachable: nothing came back in time, or what came was not HTTP.
        """
        url = path if path.startswith(("http://", "https://")) else f"{self.base}/{path}"
        content = None if body is None else encode(body)
        kind = {} if content is None else {"Content-Type": FHIR_JSON}
        try:
            response = self._client.request(
                method, url.rstrip("/"), content=content, headers={**kind, **(headers or {})}
            )
        except httpx2.TransportError as away:
            raise Unreachable(f"{self.who}: no answer ({type(away).__name__})") from away
        tree = _tree(response.content)
        self._log.append(
            Exchange(
                who=self.who,
                method=method,
                url=url,
                sent=body,
                status=response.status_code,
                received=tree,
            )
        )
        return Answer(
            status=response.status_code,
            location=response.headers.get("Location", ""),
            etag=response.headers.get("ETag", ""),
            tree=tree,
        )


def _tree(content: bytes) -> Tree:
    """Parse a body; what is no JSON object is an empty tree, its status still counts."""
    try:
        parsed = cast("Json", json.loads(content, parse_float=Decimal))
    except ValueError:
        return {}
    return members(parsed)
