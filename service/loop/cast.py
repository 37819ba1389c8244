"""Who plays in the loop, and how a story is told and judged."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from fhir_mappings.model.json import Tree
from service.clients.server import Answer, Exchange, Server
from service.loop.look import each, said

PATIENCE_SECONDS: Final = 30.0
"""How long a story waits for something that a worker does."""

Seen = TypeVar("Seen")


class NotAsTold(Exception):
    """A step went otherwise than the story says. The text names the step and what was seen."""


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Everybody in the loop, each at the server where they act.

    `run` makes identifiers new, so that the loop may be driven again on the same servers;
    `zone` is the clinic's IANA zone, `practitioner` and `location` are ids in its own space.
    """

    placer: Server
    reviewer: Server
    clinician: Server
    scheduler: Server
    ehr: Server
    log: list[Exchange]
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    run: str
    zone: str
    practitioner: str
    location: str
    patience_seconds: float = PATIENCE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Step:
    """One sentence of a story, how long it took and what was said on the wire meanwhile."""

    sentence: str
    seconds: float
    exchanges: tuple[Exchange, ...]


@dataclass(kw_only=True)
class Telling:
    """One story while it is told: sentences go to `hear` as they come true."""

    title: str
    cast: Cast
    hear: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list[Step])
    _since: float = field(default_factory=time.monotonic)
    _read: int = 0

    def __post_init__(self) -> None:
        """Start where the log of exchanges stands now."""
        self._read = len(self.cast.log)

    def say(self, sentence: str) -> None:
        """Tell a step that came true."""
        step = Step(
            sentence=sentence,
            seconds=time.monotonic() - self._since,
            exchanges=tuple(self.cast.log[self._read :]),
        )
        self._since, self._read = time.monotonic(), len(self.cast.log)
        self.steps.append(step)
        self.hear(step)


def expect(claim: str, answer: Answer, *statuses: int) -> Answer:
    """Let an answer of these statuses pass.

    Raises:
        NotAsTold: another status, with what the server said about it.
    """
    if answer.status not in statuses:
        wanted = " or ".join(str(one) for one in statuses)
        raise NotAsTold(f"{claim}: {wanted} was expected, {answer.status} came. {told(answer)}")
    return answer


def hold(claim: str, *, seen: object, wanted: object) -> None:
    """Compare what is seen with what the story says.

    Raises:
        NotAsTold: they differ.
    """
    if seen != wanted:
        raise NotAsTold(f"{claim}: {wanted!r} was expected, {seen!r} was seen.")


def wait_for(claim: str, cast: Cast, look: Callable[[], Seen | None]) -> Seen:
    """Look again until there is something, as long as patience lasts.

    Raises:
        NotAsTold: it did not come.
    """
    until = time.monotonic() + cast.patience_seconds
    while time.monotonic() < until:
        seen = look()
        if seen is not None:
            return seen
        time.sleep(0.2)
    raise NotAsTold(f"{claim}: not seen within {cast.patience_seconds:.0f} s.")


def told(answer: Answer) -> str:
    """Say in one line what an OperationOutcome says."""
    issues: list[Tree] = each(answer.tree, "issue")
    return " ".join(
        f"{said(one, 'details', 'text') or said(one, 'diagnostics')}"
        f" [{said(one, 'details', 'coding', 0, 'code')} {said(one, 'expression', 0)}]"
        for one in issues
    )
