"""Charts whose dates lie anywhere around the day of screening, and how they are screened."""

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from fhir_mappings.model.chart import Chart
from fhir_mappings.model.json import encode
from tests.kit.charts import DATA, EXAMPLES, chart_of, read_json, the_pack
from tests.kit.corpus import public

MEMBERS = read_json(DATA / "clinical" / "members.json")
CASES = [*EXAMPLES["cases"], *MEMBERS["cases"]]
ADDED = [one for case in CASES for one in case["add"]]
BASE = [one["id"] for one in EXAMPLES["base"]["entries"]]
VARIANTS = sorted({one.variant for one in the_pack().content.order.variant.first if one.names})
DAY = date.fromisoformat(EXAMPLES["day"])

Resource = dict[str, Any]
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Situation(NamedTuple):
    """An order with its patient and data, the day it is planned for, and the variant, if known."""

    chart: Chart
    planned: date
    variant: str | None


def moved(resource: Resource, days: int) -> Resource:
    """Move every full date of a resource."""

    def later(found: re.Match[str]) -> str:
        return str(date.fromisoformat(found.group()) + timedelta(days=days))

    text = _FULL_DATE.sub(later, encode(resource).decode())
    decoder = msgspec.json.Decoder(Resource, float_hook=Decimal)
    return decoder.decode(text)


def in_use(resource: Resource, status: str, start: int, end: int | None) -> Resource:
    """Give a statement of a medication another status and period, in days from the screening."""
    if resource["resourceType"] != "MedicationStatement":
        return resource
    period = {"start": str(DAY + timedelta(days=start))}
    if end is not None:
        period["end"] = str(DAY + timedelta(days=end))
    kept = {name: one for name, one in resource.items() if name != "effectiveDateTime"}
    return {**kept, "status": status, "effectivePeriod": period}


@cache
def published() -> tuple[Resource, ...]:
    """Return the clinical resources that others published, as those of our patient."""
    known = the_pack().reads.keys() - {"Patient", "ServiceRequest"}
    found = (json.loads(one.body, parse_float=Decimal) for one in public())
    return tuple(ours(one) for one in found if one["resourceType"] in known)


def ours(resource: Resource) -> Resource:
    """Make a resource one of our patient; what its dates say is moved to the day of screening."""
    days = [date.fromisoformat(one) for one in _FULL_DATE.findall(encode(resource).decode())]
    own = {name: {"reference": "Patient/p"} for name in ("subject", "patient") if name in resource}
    return moved({**resource, **own}, (DAY - max(days, default=DAY)).days)


def _published() -> st.SearchStrategy[Resource]:
    return st.sampled_from(published())


_near = st.integers(-120, 60)
_moved = st.builds(moved, st.sampled_from(ADDED) | st.deferred(_published), st.integers(-400, 60))
_medication = st.builds(
    in_use,
    _moved,
    st.sampled_from(["active", "stopped", "completed", "unknown"]),
    st.integers(-400, 0),
    st.none() | _near,
)
_entries = st.lists(_moved | _medication, min_size=1, max_size=6)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Draw an order of the worked examples beside entries of any of them, with other dates."""
    case = draw(st.sampled_from(CASES))
    added = draw(_entries)
    drop = draw(st.just(()) | st.lists(st.sampled_from(BASE), max_size=2))
    chart = chart_of(
        {
            **case,
            "drop": drop,
            "add": [{**one, "id": f"n{index}"} for index, one in enumerate(added)],
        }
    )
    planned = DAY + timedelta(days=draw(st.just(0) | st.integers(0, 90)))
    return Situation(chart, planned, draw(st.none() | st.sampled_from(VARIANTS)))
