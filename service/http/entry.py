"""What is checked before a body is read: host, sizes, types; and what each request leaves behind.

A layer around the whole application, so that an address nobody routed is treated alike. It gives
every answer its `X-Request-Id`, binds and clears the log's context, and writes the one access
line (SECURITY T02, T13, T48, T49; the PHI logging rule: a route's template, never an address).
"""

import re
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final, cast
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from service.http.exchange import FHIR_JSON, Answer
from service.http.problems import Fault, Turned, turned
from service.log import logger
from service.settings import Settings
from service.telemetry import METHODS, answered

ADDRESS_BYTES: Final = 8 * 1024  # L26
HEADER_BYTES: Final = 32 * 1024  # L26
ODD_PORT: Final = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
PLAIN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
LENGTH_DIGITS: Final = 18
"""Digits of a length that can be read as a number; Python itself refuses more than 4,300."""
OPAQUE_ID: Final = re.compile(
    r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
)
"""A UUID or a trace id: it stands in the log, where a patient's number must not (SECURITY §5)."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
JSON_TYPES: Final = frozenset({"application/fhir+json", "application/json"})
PATCH_TYPES: Final = frozenset({"application/json-patch+json"})
FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded"})
ACCEPTED: Final = JSON_TYPES | {"*/*", "application/*", "json"}
SAFE: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""What every answer says unless it says otherwise: a patient's data stay in no cache (T12, T42)."""

WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

log: Final = logger()


class Entry:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, settings: Settings, new_id: Callable[[], UUID]) -> None:
        """Keep what the checks need."""
        self._app = app
        self._new_id = new_id
        self._body_bytes = settings.body_bytes
        self._hosts = LOOPBACK | {_host_of(settings.public_url)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, pass on, and write the access line."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        request_id = _opaque(headers.get("x-request-id", "")) or str(self._new_id())
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        stamp = _Stamp(send, request_id, _plain(headers.get("x-correlation-id", "")))
        started = perf_counter()
        try:
            await self._enter(scope, receive, stamp, headers)
        finally:
            self._tell(scope, stamp, perf_counter() - started)
            clear_contextvars()

    async def _enter(
        self, scope: HTTPScope, receive: Receive, stamp: "_Stamp", headers: dict[str, str]
    ) -> None:
        try:
            self._check(scope, headers)
        except Turned as away:
            await send_answer(stamp, turned(away.fault, away.headers))
            return
        await self._app(scope, receive, stamp)

    def _check(self, scope: HTTPScope, headers: dict[str, str]) -> None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > ADDRESS_BYTES:
            raise Turned(Fault.ADDRESS_LENGTH)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            raise Turned(Fault.HEADERS_LENGTH)
        match = ODD_PORT.fullmatch(headers.get("host", ""))
        if match is None or match["host"].lower() not in self._hosts:
            raise Turned(Fault.HOST)
        _check_accept(headers.get("accept", ""), _format(scope["query_string"]))
        if scope["method"] in WITH_BODY:
            self._check_body(scope, headers)

    def _check_body(self, scope: HTTPScope, headers: dict[str, str]) -> None:
        length = headers.get("content-length", "")
        if length and not (length.isascii() and length.isdigit()):
            raise Turned(Fault.BODY)
        if len(length) > LENGTH_DIGITS or (length and int(length) > self._body_bytes):
            raise Turned(Fault.LENGTH)
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Turned(Fault.CONTENT_TYPE)
        empty = "transfer-encoding" not in headers and int(length or 0) == 0
        if not (empty and "content-type" not in headers):
            _check_content_type(scope, headers.get("content-type", ""))

    def _tell(self, scope: HTTPScope, stamp: "_Stamp", seconds: float) -> None:
        # the router adds it where it found a route, whatever the type says
        route = str(cast("Mapping[str, object]", scope).get("path_template", "none"))
        method = scope["method"] if scope["method"] in METHODS else "other"  # any token is one
        answered(route=route, method=method, status=stamp.status, seconds=seconds)
        log.info(
            "request.served",
            route=route,
            method=method,
            status=stamp.status,
            size=stamp.size,
            duration_ms=round(seconds * 1000, 1),
        )


class _Stamp:
    """The way back: adds the request id to the head and counts what went out."""

    def __init__(self, send: Send, request_id: str, correlation_id: str) -> None:
        self._send = send
        self._extra = [(b"x-request-id", request_id.encode())]
        if correlation_id:
            self._extra.append((b"x-correlation-id", correlation_id.encode()))
        self.status = 0
        self.size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            said = {name for name, _ in message["headers"]}
            safe = [one for one in SAFE if one[0] not in said]
            message["headers"] = [*message["headers"], *safe, *self._extra]
        elif message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
        await self._send(message)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer outside of any handler."""
    headers = {
        "content-type": FHIR_JSON,
        **answer.headers,
        "content-length": str(len(answer.body)),
    }
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _headers(scope: HTTPScope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _host_of(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host.lower()


def _opaque(value: str) -> str:
    """Return a request's id as its caller gave it, where it can be nobody's name or number."""
    return value if OPAQUE_ID.fullmatch(value) else ""


def _plain(value: str) -> str:
    return value if PLAIN_ID.fullmatch(value) else ""


def _format(query: bytes) -> str:
    """Read `_format` (R4: it stands over Accept); empty where it is not asked."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return next((value for name, value in pairs if name == "_format"), "")


def _check_accept(accept: str, asked: str) -> None:
    if asked:
        # a `+` in an address arrives as a blank: application/fhir json
        wanted = [asked.replace(" ", "+")]
    else:
        wanted = accept.split(",") if accept.strip() else ["*/*"]
    if not any(_media(one) in ACCEPTED and not _refuses(one) for one in wanted):
        raise Turned(Fault.ACCEPT)


def _check_content_type(scope: HTTPScope, content_type: str) -> None:
    media = _media(content_type)
    if scope["method"] == "PATCH":
        allowed, fault = PATCH_TYPES, Fault.PATCH_TYPE
    elif scope["path"].endswith("/_search"):
        allowed, fault = FORM_TYPES, Fault.FORM_TYPE
    else:
        allowed, fault = JSON_TYPES, Fault.CONTENT_TYPE
    if media not in allowed:
        extra = (
            {"accept-patch": ", ".join(sorted(PATCH_TYPES))} if scope["method"] == "PATCH" else {}
        )
        raise Turned(fault, extra)


def _media(value: str) -> str:
    return value.split(";", 1)[0].strip().lower()


def _refuses(value: str) -> bool:
    return bool(re.search(r";\s*q=0(\.0*)?\s*(;|$)", value))
