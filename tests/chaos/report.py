"""What a run prints: its strikes as they fall, what they met, and what the checker found."""

import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.chaos.checker import Judged
from tests.chaos.faults import Verdict
from tests.chaos.ledger import Ledger
from tests.chaos.strikes import Kind, Place, Struck

_SHOWN: Final = 40


class Log:
    """Lines for the reader and for a file, each with the second of the run."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("", encoding="utf-8")
        self._file = file
        self._begun = time.monotonic()

    def say(self, line: str) -> None:
        """Print a line and keep it."""
        self.keep(line)
        print(line, flush=True)  # noqa: T201 - a command prints

    def keep(self, line: str) -> None:
        """Keep a line in the file alone."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic() - self._begun:8.1f} s  {line}\n")

    def struck(self, one: Struck) -> None:
        """Keep one strike."""
        inside = " and ".join(sorted(one.inside)) or "nothing under way"
        self.keep(f"{one.kind} ({one.whom or 'nobody'}): {inside}")


def summary(
    struck: Iterable[Struck], ledger: Ledger, judged: Judged, after: Judged, fell: list[str]
) -> list[str]:
    """Return what a run came to, as lines; `after` is how it stands after a person's word."""
    every = list(struck)
    lines = [f"{len(every)} strikes:"]
    counted = Counter(one.kind for one in every)
    for kind in Kind:
        inside = Counter(place for one in every if one.kind is kind for place in one.inside)
        met = ", ".join(f"{inside[place]} in {place}" for place in Place if inside[place])
        lines.append(f"  {counted[kind]:4} {kind}" + (f" ({met})" if met else ""))
    places = Counter(place for one in every for place in one.inside)
    lines.append("Inside: " + ", ".join(f"{places[place]} {place}" for place in Place) + ".")
    lines.append(
        f"{len(ledger.orders)} orders sent, {judged.orders} taken, {judged.bookings} booked,"
        f" {judged.visits} visits recorded, {judged.proven} proven at the placer;"
        f" {ledger.repeated} requests were repeated."
    )
    lines.append(f"A person is asked: {_asked(judged)}. {_faults(judged)}.")
    lines.append(
        f"The person says again to each: {after.proven} proven, still asked: {_asked(after)}."
        f" {_faults(after)}."
    )
    faults = sorted({*judged.faults, *after.faults})
    lines += [f"  {one.verdict}: {one.what}" for one in faults[:_SHOWN]]
    lines += [f"  answered 500: {one}" for one in sorted(set(ledger.broken))]
    lines += [f"  ended by itself: {one}" for one in fell]
    return lines


def _asked(judged: Judged) -> str:
    return ", ".join(f"{count} {why}" for why, count in judged.asked.most_common()) or "never"


def _faults(judged: Judged) -> str:
    return ", ".join(f"{judged.count(one)} {one}" for one in Verdict)


def failed(
    struck: Iterable[Struck],
    ledger: Ledger,
    judged: Iterable[Judged],
    fell: list[str],
    *,
    least: int,
) -> bool:
    """Say whether anything is not as promised, or a kind fell fewer times than `least`."""
    counted = Counter(one.kind for one in struck)
    short = [kind for kind in Kind if counted[kind] < least]
    if short:
        print(f"Too few of: {', '.join(short)}.", file=sys.stderr)  # noqa: T201 - a command prints
    return bool(short or any(one.faults for one in judged) or ledger.broken or fell)
