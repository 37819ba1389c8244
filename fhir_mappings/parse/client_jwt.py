"""A CDS client's JWT → what it claims. The signature is checked elsewhere, with its keys.

Source: CDS Hooks 2.0, Trusting CDS Clients; RFC 7515, RFC 7519; SECURITY A2, A3, A6, A7, T21-T24.
"""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from fhir_mappings.model.client import Claimed, Doubt
from fhir_mappings.model.json import Json, Tree, text
from fhir_mappings.parse import guard
from fhir_mappings.problems import Refused

ALGORITHMS: Final = frozenset({"ES384", "RS384"})
LONGEST_LIFE: Final = timedelta(seconds=300)
SKEW: Final = timedelta(seconds=30)  # L14
_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADER: Final = frozenset({"typ", "alg", "kid", "jku"})
_KID: Final = re.compile(r"[A-Za-z0-9._~:/+=-]{1,128}")
_JTI: Final = re.compile(r"[!-~]{1,128}")
_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999: a later second is no date."""


def claimed(token: str, *, audience: str, now: datetime) -> Claimed | Doubt:
    """Read a compact JWS that is meant for `audience`, the URL that was called.

    Any other header member than typ, alg, kid and jku is refused: `jwk`, `x5c` and the like would
    bring the sender's own keys (SECURITY T24). `aud` may be an array of that one URL; a token for
    several audiences could be played to us by another of them.
    """
    if not _FORM.fullmatch(token):
        return Doubt.FORM
    header, claims = (_tree(part) for part in token.split(".")[:2])
    if doubt := _doubt(header, claims, audience):
        return doubt
    expires_at = _timely(claims, now)
    if expires_at is None:
        return Doubt.TIME
    return Claimed(
        issuer=text(claims, "iss"),
        algorithm=text(header, "alg"),
        kid=text(header, "kid"),
        jku=text(header, "jku"),
        jti=text(claims, "jti"),
        expires_at=expires_at,
    )


def _tree(part: str) -> Tree:
    """Decode one part through the JSON guard: no member stands twice (SECURITY T03)."""
    try:
        return guard.read(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, Refused):
        return {}


def _doubt(header: Tree, claims: Tree, audience: str) -> Doubt | None:
    if not _proper(header):
        return Doubt.HEADER
    if not text(claims, "iss") or not _JTI.fullmatch(text(claims, "jti")):
        return Doubt.CLAIMS
    return None if claims.get("aud") in (audience, [audience]) else Doubt.AUDIENCE


def _proper(header: Tree) -> bool:
    known = header.keys() <= _HEADER and text(header, "typ") == "JWT"
    named = bool(_KID.fullmatch(text(header, "kid"))) and isinstance(header.get("jku", ""), str)
    return known and named and text(header, "alg") in ALGORITHMS


def _timely(claims: Tree, now: datetime) -> datetime | None:
    """Return when it expires; None where a time is missing, no integer, past or too far ahead."""
    expires, issued = _second(claims.get("exp")), _second(claims.get("iat"))
    if expires is None or issued is None or not issued <= now + SKEW:
        return None
    begins = _second(claims["nbf"]) if "nbf" in claims else issued
    if begins is None or not begins <= now + SKEW:
        return None
    return expires if now - SKEW < expires <= now + LONGEST_LIFE + SKEW else None


def _second(value: Json) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)
