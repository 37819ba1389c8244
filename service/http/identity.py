"""Who asks: a bearer token, its SHA-256, a row (DECISIONS 24); or a token that the client signed.

The token is read from the Authorization header and nowhere else. A caller is remembered for at
most `REMEMBER_SECONDS`, so a revoked token works no longer than that. A signed token is good for
one request, so its caller is never remembered.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Final

from structlog.contextvars import bind_contextvars

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.client import Doubt
from service.deps import Deps
from service.flows.admit_client import admit_client
from service.http.problems import Fault, Turned
from service.log import logger
from service.reads.caller import caller_of

REMEMBER_SECONDS: Final = 5.0
REMEMBER_MOST: Final = 10_000
CHALLENGE: Final = 'Bearer realm="tpi-intake", error="invalid_token"'
BEARER: Final = re.compile(r"bearer +(?P<token>[A-Za-z0-9\-._~+/]{16,512}=*)", re.IGNORECASE)

SIGNED: Final = re.compile(r"bearer +(?P<token>[\w-]+\.[\w-]+\.[\w-]+)", re.IGNORECASE | re.ASCII)
"""A compact JWS: ours have no dots."""

log: Final = logger()


class Identity:
    """Turns an Authorization header into a Caller."""

    def __init__(self, deps: Deps, seconds: Callable[[], float]) -> None:
        """Start with nobody remembered; `seconds` is a clock that never goes back."""
        self._deps = deps
        self._seconds = seconds
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, authorization: str, *, signed_for: str = "") -> Caller:
        """Return the caller that the header proves.

        `signed_for` is the address called where a token that the client signed for it may stand
        in place of one of ours; empty where it may not.

        Raises:
            Turned: 401 where no token, an unknown, an expired, a revoked or a used one was sent.
        """
        header = authorization.strip()
        signed = SIGNED.fullmatch(header) if signed_for else None
        match = BEARER.fullmatch(header)
        if signed is not None:
            caller = await self._signed(signed["token"], signed_for)
        elif match is not None:
            caller = await self._of(hashlib.sha256(match["token"].encode()).digest())
        else:
            raise Turned(Fault.TOKEN, {"www-authenticate": 'Bearer realm="tpi-intake"'})
        bind_contextvars(
            tenant=str(caller.tenant), client=str(caller.placer or caller.person or "")
        )
        return caller

    async def _signed(self, token: str, address: str) -> Caller:
        proven = await admit_client(self._deps, token, audience=address)
        if isinstance(proven, Doubt):
            log.warning("client.doubted", problem=proven.value)
            raise Turned(Fault.TOKEN, {"www-authenticate": CHALLENGE})
        return proven

    async def _of(self, digest: bytes) -> Caller:
        known = self._known.get(digest)
        if known and known[0] > self._seconds():
            return known[1]
        caller = await caller_of(self._deps, digest)
        if caller is None:
            self._known.pop(digest, None)
            raise Turned(Fault.TOKEN, {"www-authenticate": CHALLENGE})
        if len(self._known) >= REMEMBER_MOST:
            self._known.clear()
        self._known[digest] = (self._seconds() + REMEMBER_SECONDS, caller)
        return caller
