"""`make bench`: what the service can do, as ratios within one run on one machine.

Single times say more about the machine than about the code: nearly every figure is beside another
that was taken in the same run. `ARGS='--only search'` chooses, `--doc FILE` writes the table
between the marks of a page.
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO, TypeAlias

from tests.bench import booking, intake, process, search, writeback
from tests.bench.figures import Figure, table
from tests.bench.machine import Machine, machine

Measure: TypeAlias = Callable[[Machine, int], list[Figure]]

MEASURES: Mapping[str, Measure] = {
    "intake": intake.measure,
    "booking": booking.measure,
    "search": search.measure,
    "writeback": writeback.measure,
    "process": process.measure,
}
MARKS = ("<!-- bench: begin -->", "<!-- bench: end -->")


def main() -> None:
    """Measure what was chosen, and print it."""
    reader = argparse.ArgumentParser(prog="make bench")
    reader.add_argument("--only", action="append", choices=MEASURES, help="may be said again")
    reader.add_argument("--repetitions", type=int, default=3)
    reader.add_argument("--json", type=Path, help="keep the figures of each repetition")
    reader.add_argument("--doc", type=Path, help="write the table into a page, between its marks")
    asked = reader.parse_args()
    if asked.doc and asked.only:
        reader.error("--doc writes the whole table: not with --only")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server must not outlive us
    found: dict[str, list[Figure]] = {}
    with machine() as on:
        for name in asked.only or MEASURES:
            begun = time.monotonic()
            found[name] = MEASURES[name](on, asked.repetitions)
            told(f"{name}: {time.monotonic() - begun:.0f} s", to=sys.stderr)
    figures = [one for some in found.values() for one in some]
    told(f"{platform.machine()}, {os.cpu_count()} processors, {asked.repetitions} repetitions\n")
    told(table(figures))
    if asked.json:
        asked.json.write_text(json.dumps(kept(figures), indent=1) + "\n")
    if asked.doc:
        write_between_marks(asked.doc, table(figures))


def kept(figures: list[Figure]) -> list[dict[str, object]]:
    """The figures as JSON."""
    return [
        {"what": one.what, "unit": one.unit, "values": one.values, "holds": one.holds}
        for one in figures
    ]


def write_between_marks(page: Path, text: str) -> None:
    """Put a table into a page in place of the one that stands there."""
    begin, end = MARKS
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def told(text: str, *, to: TextIO | None = None) -> None:
    """Print at once: a run takes minutes."""
    print(text, file=to, flush=True)


if __name__ == "__main__":
    main()
