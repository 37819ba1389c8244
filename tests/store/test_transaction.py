"""A transaction: who asks, what stays when somebody gives up, what a fault is called."""

from uuid import UUID

from service.store.pool import Pool
from service.store.transaction import EVERY_PLACER, transaction

CLINIC = UUID(int=1)


async def test_tenant_and_placer_are_set_before_the_first_statement(web_pool: Pool) -> None:
    async with transaction(web_pool, tenant=CLINIC, placer=EVERY_PLACER) as conn:
        seen = await conn.fetchrow("SELECT current_tenant(), current_placer()")

    assert seen is not None
    assert tuple(seen) == (CLINIC, EVERY_PLACER)
