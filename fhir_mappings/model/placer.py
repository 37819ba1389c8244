"""A referring organisation and what it can carry."""

from enum import StrEnum
from uuid import UUID

import msgspec


class Tells(StrEnum):
    """How a placer learns of a referral's progress."""

    TASK = "task"
    POLL = "poll"


class Systems(msgspec.Struct, frozen=True, kw_only=True):
    """The identifier systems that a placer registered, by what they name."""

    order: tuple[str, ...] = ()
    patient: tuple[str, ...] = ()
    practitioner: tuple[str, ...] = ()
    organization: tuple[str, ...] = ()


class Placer(msgspec.Struct, frozen=True, kw_only=True):
    """One registered placer.

    `base` is its FHIR base without a trailing slash, empty where it has none; `internal` allows
    a private or loopback address (DECISIONS 30); `keeps` names the must-keep members that its
    server stores, empty meaning all; `token_file` is where its server's bearer is read from.
    """

    id: UUID
    tenant: UUID
    name: str
    client: str
    base: str
    internal: bool
    keeps: tuple[str, ...]
    tells: Tells
    systems: Systems
    token_file: str
    rate: int
    active: bool
