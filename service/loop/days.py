"""The story's days moved to today.

The payloads are written for one day; rules look at the age of facts and a clinic offers windows
from today on, so every date in them moves by the same number of days.
"""

import re
from datetime import date, timedelta
from typing import Final

from fhir_mappings.model.json import Json

WRITTEN_FOR: Final = date(2026, 11, 23)
"""The day that the payloads of this package are written for."""

_DAY: Final = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2})(T.*)?)?")


def moved(tree: Json, days: int) -> Json:
    """Return the tree with every date, month and instant that many days later.

    A month moves with its first day, so it may name the next one; times of day keep their clock.
    """
    if isinstance(tree, dict):
        return {name: moved(value, days) for name, value in tree.items()}
    if isinstance(tree, list):
        return [moved(one, days) for one in tree]
    return _moved_text(tree, days) if isinstance(tree, str) else tree


def _moved_text(value: str, days: int) -> str:
    found = _DAY.fullmatch(value)
    if not found:
        return value
    year, month, day, clock = found.groups()
    later = date(int(year), int(month), int(day or "1")) + timedelta(days=days)
    return later.isoformat() + (clock or "") if day else later.isoformat()[:7]
