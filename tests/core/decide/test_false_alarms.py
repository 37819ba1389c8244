"""What fires on charts that others made: every kind was looked at and stands in the page.

A new line, or a line more often, is a false alarm until somebody has looked at it.
"""

import re
from collections import Counter
from datetime import date
from pathlib import Path

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.finding import Action
from fhir_mappings.parse.facts import read
from tests.kit.charts import the_pack
from tests.kit.real_charts import real_charts

PAGE = Path("docs/reference/screening.md")
DAY = date(2026, 11, 23)
ROW = re.compile(
    r"^\| (?P<rule>[A-Z]{3}-\d\d) \| (?P<count>\d+) of (?P<charts>\d+) \|", re.MULTILINE
)


def test_what_gates_on_charts_of_others_is_what_was_looked_at() -> None:
    charts = list(real_charts())

    fired = Counter(
        one.rule
        for _, chart in charts
        for one in screen(
            read(chart, the_pack()), the_pack(), day=DAY, planned=DAY, variant=None
        ).findings
        if one.action is not Action.INFO
    )

    looked_at = {row["rule"]: int(row["count"]) for row in ROW.finditer(PAGE.read_text())}
    assert fired == looked_at
    assert {int(row["charts"]) for row in ROW.finditer(PAGE.read_text())} == {len(charts)}
