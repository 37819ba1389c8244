"""What every door is made of: what is asked, what is answered, and the list of routes.

A door is a coroutine `act(deps, ask) -> Answer` and one `Route` in its module's `ROUTES`:

    async def review(deps: Deps, ask: Ask) -> Answer:
        command = review_of(ask.tree, ask.part("rid"))            # bytes → arguments
        done = await review_finding(deps, ask.caller, command)    # one flow or read
        return represented(ask, done.task)                        # result → answer

    ROUTES = (Route("POST", "/fhir/Task/{rid}/$tpi-review", review),)

`service/http/app.py` collects the tuples. When `act` runs, the bearer is known, its budget is
paid, the content type is right and the body is read whole but not parsed: `ask.tree` parses it
through the JSON guard. A door refuses by raising `Refused` (or `Turned` for what only a door can
say); it never makes an error answer itself.

Litestar tries a fixed path segment before a `{parameter}` and does not come back: a route below
`/fhir/Task/…` is found although `/fhir/{rtype}/{rid}` exists.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Final, Literal, TypeAlias

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.json import Json, Tree, encode
from fhir_mappings.parse import guard
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

FHIR_JSON: Final = "application/fhir+json; charset=utf-8"
BASE_PATH: Final = "/fhir"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One authenticated request.

    `parts` are the parameters of the path; `query` keeps order and repetition, decoded;
    `headers` have lower-case names; `body` is what came, unread.
    """

    caller: Caller
    method: str
    path: str
    base: str
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    limits: guard.Limits = field(default_factory=guard.Limits)

    def part(self, name: str) -> str:
        """Return a parameter of the path."""
        return self.parts[name]

    def header(self, name: str) -> str:
        """Return a header's value, empty where it was not sent."""
        return self.headers.get(name, "")

    @cached_property
    def tree(self) -> Tree:
        """Return the body as a tree.

        Raises:
            Refused: every fault the JSON guard tells.
        """
        return guard.read(self.body, self.limits)

    @cached_property
    def operations(self) -> list[Json]:
        """Return the body of a PATCH, an array, through the same guard.

        Raises:
            Refused: `not-json` where it is no array; every fault the JSON guard tells.
        """
        wrapped = guard.read(b'{"patch":' + self.body + b"}", self.limits)
        operations = wrapped["patch"]
        if not isinstance(operations, list) or len(wrapped) != 1:
            raise Refused(Problem(Code.NOT_JSON))
        return operations


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, bytes and headers; the content type is FHIR JSON unless `headers` say otherwise."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Act: TypeAlias = Callable[[Deps, Ask], Awaitable[Answer]]
Look: TypeAlias = Callable[[Deps], Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
    """One method on one path, for callers with a token.

    `signed` lets a client in that proves itself by a token it signed for just this address.
    """

    method: Method
    path: str
    act: Act
    signed: bool = False


@dataclass(frozen=True)
class Open:
    """GET and HEAD of a path that asks for no token and reads nothing of the request."""

    path: str
    look: Look


def answer(status: int, tree: Tree, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a tree that we authored."""
    return Answer(status=status, body=encode(tree), headers=headers or {})


def versioned(version: int, updated_at: datetime) -> dict[str, str]:
    """Name a resource's version in headers: ETag and Last-Modified (in whole seconds, GMT)."""
    return {
        "etag": f'W/"{version}"',
        "last-modified": format_datetime(updated_at.astimezone(UTC), usegmt=True),
    }
