"""What time alone has made due: holds that ran out, deferrals and questions that ended."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from service.deps import Deps
from service.store import timers
from service.store.transaction import EVERY_PLACER, retried, transaction

_NO_TENANT = UUID(int=0)
_MOST = 100
"""How much of each kind one look takes; what is left is found by the next."""


class DueWork(msgspec.Struct, frozen=True, kw_only=True):
    """One referral with something due: `hold-expired` or `referral-due`. `zone` is the clinic's."""

    tenant: UUID
    referral: UUID
    zone: str
    what: str


@retried
async def find_due_work(deps: Deps, *, past: Collection[UUID] = ()) -> list[DueWork]:
    """List what has been due the longest, across clinics: ids only, each referral once per reason.

    `past` are referrals to look past: what was tried and is due still must not hide the rest.
    """
    async with transaction(deps.pool, tenant=_NO_TENANT, placer=EVERY_PLACER) as conn:
        rows = await timers.due(conn, deps.now(), most=_MOST, past=past)
    return [DueWork(tenant=t, referral=r, zone=z, what=w) for t, r, z, w in dict.fromkeys(rows)]
