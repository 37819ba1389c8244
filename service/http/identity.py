"""Who asks: a bearer token, its SHA-256, a row (DECISIONS 24).

The token is read from the Authorization header and nowhere else. A caller is remembered for at
most `REMEMBER_SECONDS`, so a revoked token works no longer than that.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

from structlog.contextvars import bind_contextvars

from fhir_mappings.model.caller import Caller
from service.deps import Deps
from service.http.problems import Fault, Turned
from service.reads.caller import caller_of

REMEMBER_SECONDS: Final = 5.0
REMEMBER_MOST: Final = 10_000
BEARER: Final = re.compile(r"bearer +(?P<token>[A-Za-z0-9\-._~+/]{16,512}=*)", re.IGNORECASE)


class Identity:
    """Turns an Authorization header into a Caller."""

    def __init__(self, deps: Deps, seconds: Callable[[], float]) -> None:
        """Start with nobody remembered; `seconds` is a clock that never goes back."""
        self._deps = deps
        self._seconds = seconds
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, authorization: str) -> Caller:
        """Return the caller that the header proves.

        Raises:
            Turned: 401 where no token, an unknown, an expired or a revoked one was sent.
        """
        match = BEARER.fullmatch(authorization.strip())
        if match is None:
            raise Turned(Fault.TOKEN, {"www-authenticate": 'Bearer realm="tpi-intake"'})
        caller = await self._of(hashlib.sha256(match["token"].encode()).digest())
        bind_contextvars(
            tenant=str(caller.tenant), client=str(caller.placer or caller.person or "")
        )
        return caller

    async def _of(self, digest: bytes) -> Caller:
        known = self._known.get(digest)
        if known and known[0] > self._seconds():
            return known[1]
        caller = await caller_of(self._deps, digest)
        if caller is None:
            self._known.pop(digest, None)
            challenge = 'Bearer realm="tpi-intake", error="invalid_token"'
            raise Turned(Fault.TOKEN, {"www-authenticate": challenge})
        if len(self._known) >= REMEMBER_MOST:
            self._known.clear()
        self._known[digest] = (self._seconds() + REMEMBER_SECONDS, caller)
        return caller
