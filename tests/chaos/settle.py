"""The time after the last strike: everything works again, and what was begun comes to its end."""

import asyncio
import time
from typing import Final

from fhir_mappings.model.json import Tree
from service.clients.server import Server
from service.loop.cast import expect
from service.store.pool import connect
from tests.chaos.crew import NAMES, WORKERS
from tests.chaos.report import Log
from tests.chaos.stage import Stage

SECONDS: Final = 300.0
"""How long nothing may come to its end: a send whose outcome is not known is looked for again after
65 s; then a few tries. After a long run much waits for its turn at ten calls a second (L10)."""
_LOOK_SECONDS: Final = 0.5
_OPEN: Final = "SELECT count(*) FROM outbox WHERE state <> 'needs-person'"
_ALL_READ_IN_VAIN: Final = """
SELECT count(*) = 0 FROM outbox WHERE state <> 'needs-person' AND code <> 'not-there-yet'
"""
_WAITING: Final = """
SELECT r.task_rid FROM outbox o JOIN referral r ON r.tenant = o.tenant AND r.id = o.referral
 WHERE o.state = 'needs-person'
"""
_AGAIN: Final[Tree] = {
    "resourceType": "Parameters",
    "parameter": [{"name": "action", "valueCode": "again"}],
}
_TEN_MINUTES_LATER: Final = """
UPDATE writeback SET claimed_at = claimed_at - interval '10 minutes'
 WHERE state = 'uncertain' AND claimed_at > now() - interval '10 minutes'
"""


async def settle(stage: Stage, log: Log) -> None:
    """Let everything work again, and wait until all that can has come to its end.

    The workers are started anew, as an operator does: no placer is left alone any more.
    """
    await stage.crew.up(*NAMES)
    stage.crew.end(*WORKERS)
    await stage.crew.up(*WORKERS)
    await _quiet(stage, log)


async def say_again(stage: Stage, log: Log) -> None:
    """Let a person say "again" to every delivery that waits for one, and wait once more."""
    conn = await connect(stage.database)
    try:
        waiting = [str(row["task_rid"]) for row in await conn.fetch(_WAITING)]
    finally:
        await conn.close()
    await asyncio.to_thread(_say_again, stage, waiting)
    await _quiet(stage, log)


def _say_again(stage: Stage, tasks: list[str]) -> None:
    fhir, token = f"{stage.base}/fhir", stage.tokens.clinician
    with Server(fhir, token, who="the clinician", log=[]) as clinician:
        for task in tasks:
            expect("again", clinician.post(f"Task/{task}/$tpi-settle", _AGAIN), 200)


async def _quiet(stage: Stage, log: Log) -> None:
    """Wait until no job is left that can still come to its end by itself.

    Where all that is left are records that the placer says it has and never shows, ten minutes are
    let go by in their rows: then they are a person's.
    """
    until, least = time.monotonic() + SECONDS, None
    conn = await connect(stage.database)
    try:
        while left := await conn.fetchval(_OPEN):
            if least is None or left < least:
                until, least = time.monotonic() + SECONDS, left
            if time.monotonic() > until:
                log.say("It does not settle.")
                return
            if await conn.fetchval(_ALL_READ_IN_VAIN):
                await conn.execute(_TEN_MINUTES_LATER)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await conn.close()
