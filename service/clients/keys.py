"""The public keys of registered clients, and whether one of them signed a token.

A set is fetched from the address that was registered and from nowhere else (SECURITY T14, T28, A8).
"""

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhir_mappings.model.client import Claimed, Signer
from fhir_mappings.model.json import Tree, items, members, text
from fhir_mappings.model.writeback import Answer
from fhir_mappings.parse import guard
from fhir_mappings.problems import Refused
from service.clients.egress import Deadlines, Door, Egress, Request

Key: TypeAlias = ECKey | RSAKey

SET_BYTES: Final = 64 * 1024
MOST_KEYS: Final = 20
RSA_BITS: Final = range(2048, 8193)
FRESH_FOR: Final = timedelta(minutes=5)
"""How long a set is used without asking again: a key taken out is dead after that."""
KNOWN_FOR: Final = timedelta(hours=1)
"""How long it is used when its server does not answer (A8)."""
ASK_AGAIN: Final = timedelta(minutes=1)
"""Not more often than this, whatever key ids are sent (T28)."""
LIMITS: Final = Deadlines(
    connect_seconds=1.0, read_seconds=3.0, total_seconds=3.0, answer_bytes=SET_BYTES
)


class KeySetFault(Exception):
    """A JWK Set cannot be used; the text names no value of it."""


class Usable(msgspec.Struct, frozen=True):
    """A key for signatures of one algorithm."""

    algorithm: str
    key: Key


_Set: TypeAlias = Mapping[str, tuple[Usable, ...]]


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    keys: _Set
    read_at: datetime
    tried_at: datetime


class Keys:
    """The key sets of one process."""

    def __init__(self, egress: Egress) -> None:
        """Start with none known; `egress` is the way to the clients' servers."""
        self._egress = egress
        self._known: dict[tuple[str, str], _Known] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}

    async def signed(self, signer: Signer, claimed: Claimed, token: str, now: datetime) -> bool:
        """Tell whether exactly one of the client's keys has this id, and it signed the token."""
        if claimed.jku and claimed.jku != signer.jku:
            return False
        found = (await self._of(signer, claimed.kid, now)).get(claimed.kid, ())
        usable = [one for one in found if one.algorithm == claimed.algorithm]
        if len(usable) != 1:
            return False
        try:
            jws.deserialize_compact(token, usable[0].key, algorithms=[claimed.algorithm])
        except (JoseError, ValueError):
            return False
        return True

    async def aclose(self) -> None:
        """Close every connection."""
        await self._egress.aclose()

    async def _of(self, signer: Signer, kid: str, now: datetime) -> _Set:
        if not signer.jku:
            return key_set(signer.keys.encode())
        place = (signer.issuer, signer.jku)
        async with self._asking.setdefault(place, asyncio.Lock()):
            known = self._known.get(place)
            if known is None or _due(known, kid, now):
                known = self._known[place] = await self._asked(signer, known, now)
        return known.keys

    async def _asked(self, signer: Signer, known: _Known | None, now: datetime) -> _Known:
        """Ask the client's server; where it fails that is remembered, and old keys serve on."""
        fetched = await self._fetched(signer)
        if fetched is not None:
            return _Known(keys=fetched, read_at=now, tried_at=now)
        if known and now < known.read_at + KNOWN_FOR:
            return msgspec.structs.replace(known, tried_at=now)
        return _Known(keys={}, read_at=now, tried_at=now)

    async def _fetched(self, signer: Signer) -> _Set | None:
        door = Door(placer=signer.placer, base=signer.jku, internal=signer.internal, token="")
        reply = await self._egress.call(door, Request(method="GET", path=(), headers=_ACCEPT))
        if not isinstance(reply, Answer) or reply.status != _OK:
            return None
        try:
            return key_set(reply.body)
        except KeySetFault:
            return None


_ACCEPT: Final = {"Accept": "application/jwk-set+json, application/json"}
_OK: Final = 200


def _due(known: _Known, kid: str, now: datetime) -> bool:
    stale = now >= known.read_at + FRESH_FOR or kid not in known.keys
    return stale and now >= known.tried_at + ASK_AGAIN


def key_set(body: bytes) -> _Set:
    """Read a JWK Set: the keys that sign with ES384 or RS384, by their ids.

    Others are passed over, for a set may serve more than one purpose.

    Raises:
        KeySetFault: it is no set, has too many keys, or none that we could use.
    """
    try:
        tree = guard.read(body)
    except Refused:
        raise KeySetFault("This is not a JWK Set.") from None
    listed = items(tree.get("keys"))
    if len(listed) > MOST_KEYS:
        raise KeySetFault(f"A JWK Set of more than {MOST_KEYS} keys is not taken.")
    found: dict[str, tuple[Usable, ...]] = {}
    for one in listed:
        usable = _usable(members(one))
        if usable is not None:
            kid = text(one, "kid")
            found[kid] = (*found.get(kid, ()), usable)
    if not found:
        raise KeySetFault("It has no key with a kid for ES384 (P-384) or RS384 (RSA, 2048 bits).")
    return found


def _usable(one: Tree) -> Usable | None:
    algorithm = _algorithm(one)
    if not text(one, "kid") or not algorithm or not _agrees(one, algorithm):
        return None
    try:
        return Usable(algorithm, _imported(one))
    except (JoseError, ValueError, TypeError):
        return None


_PUBLIC: Final = frozenset({"kty", "crv", "x", "y", "n", "e"})


def _algorithm(one: Tree) -> str:
    if text(one, "kty") == "EC":
        return "ES384" if text(one, "crv") == "P-384" else ""
    sized = text(one, "kty") == "RSA" and _bits(text(one, "n")) in RSA_BITS
    return "RS384" if sized else ""


def _bits(modulus: str) -> int:
    """Return the length of an RSA key; 0 where it is not written as a JWK has it."""
    try:
        return int.from_bytes(base64.urlsafe_b64decode(f"{modulus}===")).bit_length()
    except ValueError:
        return 0


def _agrees(one: Tree, algorithm: str) -> bool:
    return text(one, "use") in {"", "sig"} and text(one, "alg") in {"", algorithm}


def _imported(one: Tree) -> Key:
    """Import the public members alone: a private key that was published is not kept."""
    said: dict[str, str | list[str]] = {
        name: value for name, value in one.items() if name in _PUBLIC and isinstance(value, str)
    }
    return ECKey.import_key(said) if said["kty"] == "EC" else RSAKey.import_key(said)
