"""A large chart is judged beside the event loop, a small one at once."""

import threading

import pytest

from fhir_mappings.model.chart import chart
from service.store import charts
from tests.kit.charts import EXAMPLES, a_chart, held


@pytest.mark.parametrize(("entries", "beside"), [(charts.LARGE, False), (charts.LARGE + 1, True)])
async def test_a_large_chart_leaves_the_event_loop_to_others(*, entries: int, beside: bool) -> None:
    base = a_chart(EXAMPLES["base"]["order"], EXAMPLES["base"]["patient"], [])
    one = held({"resourceType": "Condition", "id": "c"})
    full = chart(base.order, base.patient, (one,) * entries)

    where = await charts.work_on(full, threading.get_ident)

    assert (where != threading.get_ident()) is beside
