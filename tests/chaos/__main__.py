"""`make chaos`: whole referrals kept going by a careful client while everything breaks around them.

Real PostgreSQL, `tpi serve`, two `tpi worker` and a second FHIR server (`tpi sandbox`), each a
process of its own. Strikes are drawn from the seed over the whole run; when the last has fallen
the run settles, and a checker that shares no code with the service reads both sides.
"""

import argparse
import asyncio
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Final

from service.settings import Settings
from service.store.embedded import home_of
from tests.chaos import report, settle
from tests.chaos.checker import Judged, judge
from tests.chaos.ledger import Ledger
from tests.chaos.postgres import Postgres
from tests.chaos.referrals import Lane
from tests.chaos.report import Log
from tests.chaos.sides import read_clinic, read_there
from tests.chaos.stage import Stage, standing
from tests.chaos.strikes import Kind, Striker, Struck

FOLDER: Final = Path("build/chaos")
LANES: Final = 8
SECONDS_BETWEEN: Final = 1.2
"""The mean distance of two strikes; each lasts as long as it must, beside the others."""
AT_ONCE: Final = 12
"""How many strikes are under way or wait for their moment: a slow machine gets them slower."""
LEAST: Final = 5
"""How often each kind must have fallen."""
_TRIES: Final = 8
_ROUNDS: Final = 4


def main() -> int:
    """Run it as the arguments say, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--strikes", type=int, default=LEAST * len(Kind), help="at least")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="draws kinds and moments")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped
    log = Log(FOLDER / f"{arguments.seed}.log")
    log.say(f"{arguments.strikes} strikes with --seed {arguments.seed}; all of it: {FOLDER}")
    home = home_of(Settings()) / "chaos"
    postgres = Postgres(Settings(), home)
    try:
        return asyncio.run(_run(postgres, home, arguments.strikes, arguments.seed, log))
    finally:
        postgres.stop()


async def _run(postgres: Postgres, home: Path, strikes: int, seed: str, log: Log) -> int:
    begun, ledger = time.monotonic(), Ledger()
    with ThreadPoolExecutor(max_workers=LANES + 16) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        sandbox = {"TPI_PG_HOME": str(home / "placer")}
        async with standing(postgres.running, FOLDER / "processes", sandbox=sandbox) as stage:
            log.say(f"Everybody is up after {time.monotonic() - begun:.0f} s.")
            struck = await _strike(stage, postgres, ledger, strikes, seed, log)
            log.say(f"The last strike fell after {time.monotonic() - begun:.0f} s; it settles.")
            await settle.settle(stage, log)
            judged = await _judged(stage, ledger)
            await settle.say_again(stage, log)
            after, fell = await _judged(stage, ledger), stage.crew.fell
    for line in report.summary(struck, ledger, judged, after, fell):
        log.say(line)
    least = min(LEAST, strikes // len(Kind))
    bad = report.failed(struck, ledger, [judged, after], fell, least=least)
    log.say(f"{'FAILED' if bad else 'Held'}, {time.monotonic() - begun:.0f} s, seed {seed}.")
    return int(bad)


async def _judged(stage: Stage, ledger: Ledger) -> Judged:
    clinic = await read_clinic(stage.database)
    there = await asyncio.to_thread(read_there, stage.sandbox.base, stage.sandbox.token)
    return judge(ledger, clinic, there)


async def _strike(
    stage: Stage, postgres: Postgres, ledger: Ledger, strikes: int, seed: str, log: Log
) -> list[Struck]:
    """Keep referrals going until the last strike has fallen and the last referral is through."""
    striking = True
    lanes = [
        asyncio.create_task(
            Lane(stage.cast(ledger, f"{seed} lane {one}"), ledger, f"{seed} {one}").run(
                lambda: striking
            )
        )
        for one in range(LANES)
    ]
    struck: list[Struck] = []
    chance = Random(f"{seed} strikes")  # noqa: S311 - the same dice in every run
    striker = Striker(stage, postgres, chance)

    places = asyncio.Semaphore(AT_ONCE)

    async def one(kind: Kind) -> None:
        for _ in range(_TRIES):
            fallen = await striker.strike(kind)
            if fallen is not None:
                struck.append(fallen)
                log.struck(fallen)
                break
        places.release()

    try:
        due = drawn(strikes, chance)
        for _ in range(_ROUNDS):  # one that met no call it fits in all its tries is drawn again
            async with asyncio.TaskGroup() as falling:
                for kind in due:
                    await asyncio.sleep(chance.expovariate(1 / SECONDS_BETWEEN))
                    await places.acquire()
                    falling.create_task(one(kind))
            due = missing(strikes, struck)
    finally:
        striking = False
        await asyncio.gather(*lanes)
    return struck


def missing(strikes: int, struck: Iterable[Struck]) -> list[Kind]:
    """Return what is still to fall of the number that was asked for."""
    asked = Counter(list(Kind)[number % len(Kind)] for number in range(strikes))
    return list((asked - Counter(one.kind for one in struck)).elements())


def drawn(strikes: int, chance: Random) -> list[Kind]:
    """Draw the order of the kinds, each as often as the others."""
    kinds = [list(Kind)[number % len(Kind)] for number in range(strikes)]
    chance.shuffle(kinds)
    return kinds


if __name__ == "__main__":
    sys.exit(main())
