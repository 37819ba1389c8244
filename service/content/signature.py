"""A reviewer's signature on a pack: made with a key of theirs, and whether it counts.

A JWS (RFC 7515) with Ed25519 (RFC 8037, 9864) in a file beside the pack's, over its name, version
and digest. Who a key belongs to is what the clinic's own file of keys says (a JWK Set, RFC 7517,
with `name` and `role` in each key), never what the signature says.
"""

import os
from pathlib import Path
from typing import Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from fhir_mappings.model.pack import Pack, Signature

_ALGORITHM: Final = "Ed25519"
_PRIVATE: Final = 0o600


class KeyUnusable(Exception):
    """A file of keys cannot be read or is none; the text names the file."""


class Reviewer(msgspec.Struct, frozen=True, kw_only=True):
    """A public key, and whose it is."""

    kty: str
    crv: str
    x: str
    kid: str
    name: str
    role: str


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[Reviewer, ...] = ()


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed; `at` is a UTC instant."""

    pack: str
    version: str
    digest: str
    at: str


def make_key(file: Path, *, name: str, role: str) -> Reviewer:
    """Write a new private key to a file that only its owner can read; return the public one.

    Raises:
        KeyUnusable: the file is there already, or cannot be written.
    """
    key = OKPKey.generate_key(_ALGORITHM, parameters={"use": "sig"}, auto_kid=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as to:
            to.write(msgspec.json.encode(key.as_dict(private=True)))
    except OSError as fault:
        raise KeyUnusable(f"{file} cannot be made ({fault.strerror})") from fault
    public = key.as_dict(private=False)
    return msgspec.convert({**public, "name": name, "role": role}, Reviewer)


def add_reviewer(file: Path, reviewer: Reviewer) -> None:
    """Add a public key to the clinic's file of keys, making it where there is none.

    Raises:
        KeyUnusable: what stands there is no file of keys.
    """
    held = _reviewers(file) if file.exists() else ()
    keys = _Keys((*held, reviewer))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(keys), indent=1) + b"\n")


def sign(pack: Pack, key: Path, *, at: str) -> bytes:
    """Return the signature on a pack as it is.

    Raises:
        KeyUnusable: the file holds no private key of the kind.
    """
    try:
        held = OKPKey.import_key(
            msgspec.json.decode(key.read_bytes(), type=dict[str, str | list[str]])
        )
        said = _Said(pack=pack.name, version=pack.version, digest=pack.digest, at=at)
        header = {"alg": _ALGORITHM, "kid": held.kid}
        return jws.serialize_compact(
            header, msgspec.json.encode(said), held, algorithms=[_ALGORITHM]
        ).encode()
    except (OSError, msgspec.DecodeError, JoseError, ValueError) as fault:
        raise KeyUnusable(f"{key} holds no private key to sign with") from fault


def signature_of(signed: bytes, pack: Pack, reviewers: Path | None) -> Signature:
    """Say whose signature this is and whether it counts for this pack.

    Raises:
        KeyUnusable: the clinic's file of keys cannot be read.
    """
    known = {one.kid: one for one in _reviewers(reviewers)} if reviewers else {}
    try:
        kid = str(jws.extract_compact(signed).headers().get("kid", ""))
    except (JoseError, ValueError):
        return _void("it is not a signature")
    if kid not in known:
        return _void("its key is none of a reviewer here")
    whose = known[kid]
    try:
        key = OKPKey.import_key({"kty": whose.kty, "crv": whose.crv, "x": whose.x})
        verified = jws.deserialize_compact(signed, key, algorithms=[_ALGORITHM])
        said = msgspec.json.decode(verified.payload, type=_Said)
    except (JoseError, ValueError):
        return _void("it was not made with the key that it names")
    same = (said.pack, said.version, said.digest) == (pack.name, pack.version, pack.digest)
    return Signature(
        reviewer=whose.name,
        role=whose.role,
        at=said.at,
        why_not="" if same else "the pack was changed after it",
    )


def _void(why: str) -> Signature:
    return Signature(reviewer="", role="", at="", why_not=why)


def _reviewers(file: Path) -> tuple[Reviewer, ...]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Keys).keys
    except (OSError, msgspec.DecodeError) as fault:
        raise KeyUnusable(f"{file} holds no public keys of reviewers") from fault
