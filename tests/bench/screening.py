"""What one screening costs: of a referral as it comes, and of a chart of 500 entries.

    python -m tests.bench.screening

The figures are beside the reading of the same bytes as JSON, in the same run: that is what every
server of FHIR does with a message before it does anything else.
"""

import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from fhir_mappings.decide.clearing import screen_with_lifts
from fhir_mappings.decide.screening import screen
from fhir_mappings.model.chart import Chart
from fhir_mappings.model.json import encode
from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.facts import read
from service.content.load import load_pack
from tests.kit.charts import DATA, EXAMPLES, a_chart, of_bundle, read_json
from tests.kit.drawn_charts import ADDED, Entries

DAY = date(2026, 11, 23)
ENTRIES = 500
LIFTED = 10
"""Repetitions are enough where each may take a second."""


class Cost(NamedTuple):
    """Microseconds, the median of the repetitions."""

    what: str
    parsing: float
    facts: float
    screening: float
    with_lifts: float
    """The screening, and what would lift its findings: what an intake does."""


def main() -> None:
    """Measure and print."""
    tracemalloc.start()
    pack = load_pack()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for name, chart in charts().items():
        cost = measured(name, chart, pack)
        ratio = (cost.facts + cost.screening) / cost.parsing
        print(  # noqa: T201 - a bench prints
            f"{cost.what}: JSON {cost.parsing:.0f} us, facts {cost.facts:.0f} us, "
            f"screening {cost.screening:.0f} us, {ratio:.1f} times the JSON, "
            f"with what would lift {cost.with_lifts:.0f} us"
        )
    print(f"pack: {held / 1_000_000:.1f} MB")  # noqa: T201 - a bench prints


def charts() -> dict[str, Chart]:
    """Referrals of the protocol, and one with very many entries."""
    of_protocol = {
        name: of_bundle(read_json(DATA / "payloads" / "tpi" / f"{name}-referral.json"))
        for name in ("clean", "anticoagulated", "active-infection")
    }
    return {**of_protocol, f"{ENTRIES} entries": large()}


def large() -> Chart:
    """A chart that says everything that the worked cases say, over and over."""
    base = EXAMPLES["base"]
    many: Entries = [
        {**ADDED[number % len(ADDED)], "id": f"e{number}"} for number in range(ENTRIES)
    ]
    return a_chart(base["order"], base["patient"], many)


def measured(what: str, chart: Chart, pack: Pack, repetitions: int = 30) -> Cost:
    """Time each part so often, after one round that compiles what the pack compiles late."""
    held = (chart.order, *([chart.patient] if chart.patient else []), *chart.entries)
    text = encode([one.tree for one in held])
    facts = read(chart, pack)
    screen(facts, pack, day=DAY, planned=None, variant=None)
    return Cost(
        what=f"{what} ({len(held)} resources)",
        parsing=_microseconds(lambda: json.loads(text, parse_float=Decimal), repetitions),
        facts=_microseconds(lambda: read(chart, pack), repetitions),
        screening=_microseconds(
            lambda: screen(facts, pack, day=DAY, planned=None, variant=None), repetitions
        ),
        with_lifts=_microseconds(
            lambda: screen_with_lifts(facts, pack, day=DAY, planned=None, variant=None),
            min(repetitions, LIFTED),
        ),
    )


def _microseconds(work: Callable[[], object], repetitions: int) -> float:
    taken: list[float] = []
    for _ in range(repetitions):
        begun = time.process_time_ns()
        work()
        taken.append((time.process_time_ns() - begun) / 1_000)
    return median(taken)


if __name__ == "__main__":
    main()
