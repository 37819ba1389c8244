"""A search as the store carries it out: tokens, intervals, order, page."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Order(StrEnum):
    """How a page is ordered; ties are broken by id, then space."""

    NEWEST = "updated-desc"
    OLDEST = "updated"
    ID = "id"
    ID_DOWN = "id-desc"


class When(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a time: `what` is `at` (clinical) or `updated`.

    Of the conditions of one `group` one must hold. `prefix` is that of FHIR R4 (eq, ne, gt …),
    `start` and `end` the half-open interval that the searched value means.
    """

    what: str
    group: int
    prefix: str
    start: datetime
    end: datetime


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The row that a page ended on: a place in the order, never a right to see it."""

    at: datetime
    rid: str
    space: UUID


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched among the living resources of one type.

    `each` are tokens that must all stand; of each group in `any_of` one must. `narrow` says that
    a token of `each` or of the first group names one thing, so that few rows match; others (a
    status, a code, an owner) sort rows into classes, and many may match. `ids` None is any.
    `targets` are the `Type/id` that the search names: staff may have to say whose they mean.
    """

    rtype: str
    each: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    narrow: bool = False
    ids: tuple[str, ...] | None = None
    when: tuple[When, ...] = ()
    targets: tuple[str, ...] = ()
    order: Order = Order.NEWEST
    after: Position | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A query with what concerns the answer: page size, total, what was dropped and applied.

    `count` 0 asks for the total alone. `applied` are the parameters as they count, for the links
    of the answer; `dropped` tells how many were left out because the caller is lenient.
    """

    query: Query
    count: int
    total: bool
    applied: tuple[tuple[str, str], ...]
    dropped: int = 0
