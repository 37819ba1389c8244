"""A system that proves itself by tokens it signs: as it is registered, and what one token says."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """A registered CDS client: whom it speaks for, and where its public keys are.

    `issuer` is the `iss` of its tokens. `jku` is the address of its JWK Set, empty where `keys` is
    the set itself, given out of band. `internal` allows a private address (DECISIONS 30).
    """

    issuer: str
    tenant: UUID
    zone: str
    placer: UUID
    name: str
    rate: int
    internal: bool
    jku: str
    keys: str


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says that is whole, timely and meant for us; its signature is not yet proven.

    `jti` is good for one use, and is kept until `expires_at`.
    """

    issuer: str
    algorithm: str
    kid: str
    jku: str
    jti: str
    expires_at: datetime


class Doubt(StrEnum):
    """Why a token proves nothing: for our log; the sender is told one and the same sentence."""

    FORM = "token-form"
    HEADER = "token-header"
    CLAIMS = "token-claims"
    AUDIENCE = "token-audience"
    TIME = "token-time"
    ISSUER = "token-issuer"
    KEY = "token-key"
    REPLAY = "token-replay"
