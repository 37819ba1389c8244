"""make_app(deps) → Litestar: routes, handlers, error answers; nothing else."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.handlers import route as handled

from fhir_mappings.parse.guard import Limits
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.http.cds import ROUTES as CDS_ROUTES
from service.http.entry import Entry
from service.http.exchange import FHIR_JSON, Act, Answer, Ask, Method, Open, Route
from service.http.fhir import ROUTES as FHIR_ROUTES
from service.http.fhir.capability import metadata
from service.http.fhir.operations import ROUTES as OPERATIONS
from service.http.identity import Identity
from service.http.inject import Injected
from service.http.limits import Budgets
from service.http.once import once
from service.http.ops import OPEN as OPS
from service.http.problems import Fault, Turned, refused, turned
from service.http.smart import OPEN as SMART
from service.http.staff import ROUTES as STAFF_ROUTES
from service.log import logger
from service.settings import Settings

Asked: TypeAlias = Request[Any, Any, State]
Methods: TypeAlias = tuple[Method, ...]

FRAMEWORK: Final = {
    400: Fault.BODY,
    404: Fault.NO_ROUTE,
    405: Fault.METHOD,
    413: Fault.LENGTH,
}
"""What Litestar itself refuses; anything else of its own is our fault."""

RID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")

log: Final = logger()


ROUTES: Final = (*FHIR_ROUTES, *STAFF_ROUTES, *CDS_ROUTES)
OPEN: Final = (metadata((*OPERATIONS, *STAFF_ROUTES)), *SMART, *OPS)


def make_app(
    deps: Deps, *, routes: Sequence[Route] = ROUTES, open_routes: Sequence[Open] = OPEN
) -> Litestar:
    """Build the application over what the process was given; the sandbox has routes of its own."""
    gate = _Gate(deps)
    app = Litestar(
        route_handlers=[
            *(_guarded(methods, same, gate) for methods, same in _by_methods(routes).items()),
            *(_open(one) for one in open_routes),
        ],
        dependencies={"deps": Provide(lambda: deps, sync_to_thread=False, use_cache=True)},
        exception_handlers={
            Refused: _on_refused,
            Turned: _on_turned,
            HTTPException: _on_framework,
            Exception: _on_bug,
        },
        request_max_body_size=deps.settings.body_bytes,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = Entry(app.asgi_handler, deps.settings, deps.new_id)
    return app


def limits_of(settings: Settings) -> Limits:
    """Return what one body may hold, as this service is set up (SECURITY §8)."""
    return Limits(
        body_bytes=settings.body_bytes,
        containers=settings.json_containers,
        commas=settings.json_commas,
        entries=settings.bundle_entries,
        depth=settings.json_depth,
        text_bytes=settings.text_bytes,
        digits=settings.number_digits,
        items=settings.array_items,
        attachment_bytes=settings.attachment_bytes,
        attachments=settings.attachments,
    )


class _Gate:
    """What stands between a route and its door: who asks, how fast, and for how long."""

    def __init__(self, deps: Deps) -> None:
        settings = deps.settings
        self._identity = Identity(deps, monotonic)
        self._budgets = Budgets(settings.client_rate_per_second, settings.client_burst, monotonic)
        self._base = settings.fhir_base
        self._public_url = settings.public_url
        self._limits = limits_of(settings)
        self._seconds = settings.request_seconds
        self._running: set[asyncio.Task[Answer]] = set()

    async def ask(self, request: Asked, parts: Mapping[str, str], *, signed: bool) -> Ask:
        """Prove the caller, pay its budget, read the body whole.

        Raises:
            Turned: 401, 429, 503 where the body takes too long to arrive.
            Refused: `not-found` for what is no id.
        """
        headers = dict(request.headers)
        address = f"{self._public_url}{request.url.path}" if signed else ""
        caller = await self._identity.caller(headers.get("authorization", ""), signed_for=address)
        self._budgets.spend(caller)
        if not RID.fullmatch(parts.get("rid", "none")):
            raise Refused(Problem(Code.NOT_FOUND))  # no id: nothing can stand under it
        try:
            async with asyncio.timeout(self._seconds):
                body = await request.body()
        except TimeoutError:
            raise Turned(Fault.TIME) from None
        return Ask(
            caller=caller,
            method=request.method,
            path=request.url.path,
            base=self._base,
            parts=parts,
            query=tuple(parse_qsl(request.url.query, keep_blank_values=True)),
            headers=headers,
            body=body,
            limits=self._limits,
        )

    async def run(self, act: Act, deps: Deps, ask: Ask) -> Answer:
        """Run a door to its end, and answer 503 where that takes longer than L22.

        The flow goes on without us: a wait for COMMIT is never cancelled (STORAGE §6), not by a
        client that went away either, because `asyncio.wait` does not cancel what it waits for.

        Raises:
            Turned: 503 after the time-out.
        """
        task = asyncio.ensure_future(act(deps, ask))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=self._seconds)
        if not done:
            raise Turned(Fault.TIME)
        return task.result()

    def _ended(self, task: asyncio.Task[Answer]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that a late one is not told to nobody's log


def _by_methods(routes: Sequence[Route]) -> dict[Methods, list[Route]]:
    """Gather the addresses that answer the same methods: Litestar builds once for each handler."""
    methods: dict[str, list[Method]] = {}
    for one in routes:
        methods.setdefault(one.path, []).append(one.method)
    found: dict[Methods, list[Route]] = {}
    for one in routes:
        found.setdefault(tuple(sorted(methods[one.path])), []).append(one)
    return found


def _guarded(methods: Methods, routes: Sequence[Route], gate: _Gate) -> HTTPRouteHandler:
    ways: dict[tuple[str, str], Route] = {(one.path, one.method): one for one in routes}
    paths = sorted({_litestar(one.path) for one in routes})

    @handled(paths, http_method=[*methods, "OPTIONS"], status_code=200)
    async def handle(request: Asked, deps: Injected) -> Response[bytes]:
        if request.method == "OPTIONS":
            return _allowed(*methods)
        way = ways[request.scope["path_template"], request.method]
        parts = {name: str(value) for name, value in request.path_params.items()}
        ask = await gate.ask(request, parts, signed=way.signed)
        return _response(await gate.run(once(way.act), deps, ask))

    return handle


def _open(one: Open) -> HTTPRouteHandler:
    @handled(one.path, http_method=["GET", "HEAD", "OPTIONS"], status_code=200)
    async def handle(request: Asked, deps: Injected) -> Response[bytes]:
        if request.method == "OPTIONS":
            return _allowed("GET", "HEAD")
        return _response(await one.look(deps))

    return handle


def _allowed(*methods: str) -> Response[bytes]:
    """Answer OPTIONS, as Litestar would by a handler of its own for each address."""
    allow = ", ".join(sorted({*methods, "OPTIONS"}))
    return Response(b"", status_code=204, headers={"allow": allow}, media_type="text/plain")


def _litestar(path: str) -> str:
    """Write `{rid}` as Litestar does: every parameter of a path is text."""
    return re.sub(r"\{([a-z_]+)\}", r"{\1:str}", path)


def _response(answer: Answer) -> Response[bytes]:
    headers = {name: value for name, value in answer.headers.items() if name != "content-type"}
    media_type = answer.headers.get("content-type", FHIR_JSON)
    return Response(
        content=answer.body, status_code=answer.status, headers=headers, media_type=media_type
    )


def _on_refused(_: Asked, fault: Refused) -> Response[bytes]:
    return _response(refused(fault))


def _on_turned(_: Asked, away: Turned) -> Response[bytes]:
    return _response(turned(away.fault, away.headers))


def _on_framework(_: Asked, fault: HTTPException) -> Response[bytes]:
    allow = {name: value for name, value in (fault.headers or {}).items() if name == "allow"}
    return _response(turned(FRAMEWORK.get(fault.status_code, Fault.OURS), allow))


def _on_bug(_: Asked, fault: Exception) -> Response[bytes]:
    log.error("request.failed", exc_info=fault)
    return _response(turned(Fault.OURS))
