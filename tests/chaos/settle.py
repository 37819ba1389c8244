"""The time after the last strike: everything works again, and what was begun comes to its end."""

import asyncio
import time
from typing import Final

from service.store.pool import connect
from tests.chaos.crew import NAMES, WORKERS
from tests.chaos.report import Log
from tests.chaos.stage import Stage

SECONDS: Final = 300.0
"""A send whose outcome is not known is looked for again after 65 s; then a few tries."""
_LOOK_SECONDS: Final = 0.5
_OPEN: Final = "SELECT count(*) FROM outbox WHERE state <> 'needs-person'"
_ALL_READ_IN_VAIN: Final = """
SELECT count(*) = 0 FROM outbox WHERE state <> 'needs-person' AND code <> 'not-there-yet'
"""
_TEN_MINUTES_LATER: Final = """
UPDATE writeback SET claimed_at = claimed_at - interval '10 minutes'
 WHERE state = 'uncertain' AND claimed_at > now() - interval '10 minutes'
"""


async def settle(stage: Stage, log: Log) -> None:
    """Wait until no job is left that can still come to its end by itself.

    Where all that is left are records that the placer says it has and never shows, ten minutes are
    let go by in their rows: then they are a person's.
    """
    await stage.crew.up(*NAMES)
    await stage.crew.restart(*WORKERS)  # an operator's word: no placer is left alone any more
    until = time.monotonic() + SECONDS
    conn = await connect(stage.database)
    try:
        while await conn.fetchval(_OPEN):
            if time.monotonic() > until:
                log.say("It does not settle.")
                return
            if await conn.fetchval(_ALL_READ_IN_VAIN):
                await conn.execute(_TEN_MINUTES_LATER)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await conn.close()
