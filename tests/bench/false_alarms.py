"""What would be reviewed of a population that nobody chose: Synthea's adults, rule by rule.

    python -m tests.bench.false_alarms FOLDER

FOLDER holds Bundles of one patient each, as `R4/SYNTHEA` of smart-on-fhir/generated-sample-data.
Each adult who is alive is referred a week after the last encounter. What stands behind a rule is
printed too: whether it is noise, a person says (docs/reference/screening.md).
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.finding import Action, Finding
from fhir_mappings.parse.facts import read
from tests.kit.charts import the_pack
from tests.kit.real_charts import Held, of_synthea, with_an_order

ADULT = 18
A_WEEK = timedelta(days=7)
SHOWN = 6


def main() -> None:
    """Screen everybody and print the table."""
    reader = argparse.ArgumentParser(prog="python -m tests.bench.false_alarms")
    reader.add_argument("folder", type=Path)
    findings = list(gating(reader.parse_args().folder))
    rules = Counter(one.rule for some in findings for one in some)
    words: dict[str, Counter[str]] = defaultdict(Counter)
    for one in (one for some in findings for one in some):
        words[one.rule].update(each.value[:60] for each in one.evidence)
    clear = sum(not some for some in findings)
    blocked = sum(any(one.action is Action.BLOCK for one in some) for some in findings)
    print(f"{len(findings)} adults: {clear} clear, {blocked} blocked")  # noqa: T201 - it prints
    for rule, count in rules.most_common():
        said = ", ".join(f"{word} ({n})" for word, n in words[rule].most_common(SHOWN))
        print(f"{rule}  {100 * count / len(findings):.1f} per 100  {said}")  # noqa: T201 - as above


def gating(folder: Path) -> Iterator[list[Finding]]:
    """Yield what gates the referral of each adult."""
    for file in sorted(folder.glob("*.json")):
        resources = of_synthea(file.read_text())
        day = _referred(resources)
        if day is not None:
            facts = read(with_an_order(resources), the_pack())
            said = screen(facts, the_pack(), day=day, planned=day, variant=None)
            yield [one for one in said.findings if one.gates]


def _referred(resources: list[Held]) -> date | None:
    """The day of the referral; None for no patient, a child, and one who has died."""
    patients = [one for one in resources if one["resourceType"] == "Patient"]
    met = [
        one["period"]["start"][:10]
        for one in resources
        if one["resourceType"] == "Encounter" and "start" in one.get("period", {})
    ]
    if len(patients) != 1 or not met:
        return None
    (patient,) = patients
    day = date.fromisoformat(max(met)) + A_WEEK
    born = date.fromisoformat(patient["birthDate"])
    died = patient.get("deceasedDateTime", date.max.isoformat())[:10] < day.isoformat()
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return None if died or age < ADULT else day


if __name__ == "__main__":
    main()
