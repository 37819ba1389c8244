"""What a scheduler asks for: windows to propose, a booking to move, one Slot to open."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from fhir_mappings.model.json import Tree
from fhir_mappings.model.proposal import Policy
from fhir_mappings.model.window import Opening
from fhir_mappings.parse.proposing import moved, wanted
from fhir_mappings.parse.slot import wanted as wanted_slot
from fhir_mappings.problems import Code, Refused

BASE = "https://clinic.example/fhir"
SLOT = "0199a1d3-77aa-7b02-8a01-6b1f0d2c3a02"
OTHER = "0199a1d3-77aa-7b02-8a01-6b1f0d2c3a03"


def parameters(*pairs: tuple[str, str, object]) -> Tree:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, member: value} for name, member, value in pairs],  # type: ignore[dict-item] # JSON
    }


def window(rid: str = SLOT) -> tuple[str, str, object]:
    return ("window", "valueReference", {"reference": f"Slot/{rid}"})


def test_no_parameters_ask_for_the_earliest() -> None:
    said = wanted({"resourceType": "Parameters"}, base=BASE)

    assert (said.windows, said.policy, said.said_by) == ((), Policy.EARLIEST, "")


def test_everything_that_may_be_said_is_read() -> None:
    said = wanted(
        parameters(
            ("policy", "valueCode", "spread"),
            ("from", "valueDate", "2026-12-01"),
            ("to", "valueDate", "2026-12-11"),
            ("expires", "valueInstant", "2026-11-26T12:00:00-05:00"),
        ),
        base=BASE,
    )

    assert said.policy is Policy.SPREAD
    assert (said.first, said.last) == (date(2026, 12, 1), date(2026, 12, 11))
    assert said.expires == datetime(2026, 11, 26, 17, 0, tzinfo=UTC)


def test_a_window_may_be_named_absolutely() -> None:
    named = ("window", "valueReference", {"reference": f"{BASE}/Slot/{SLOT}"})

    said = wanted(parameters(named, ("said-by", "valueString", "the patient")), base=BASE)

    assert said.windows == (UUID(SLOT),)
    assert said.said_by == "the patient"


@pytest.mark.parametrize(
    "pairs",
    [
        [window(), window()],  # one window twice
        [window(), ("said-by", "valueString", "x"), window(OTHER)],
        [("said-by", "valueString", "of which window?")],
        [window(), ("said-by", "valueString", "  ")],
        [("policy", "valueCode", "latest")],
        [("window", "valueReference", {"reference": "Schedule/1"})],
        [("window", "valueReference", {"reference": "Slot/not-ours"})],
        [("window", "valueString", SLOT)],
    ],
)
def test_parameters_of_another_form_are_refused(pairs: list[tuple[str, str, object]]) -> None:
    with pytest.raises(Refused) as refused:
        wanted(parameters(*pairs), base=BASE)

    assert refused.value.problems[0].code is Code.PARAMETERS_FORM


def test_days_that_end_before_they_begin_are_refused() -> None:
    pairs = (("from", "valueDate", "2026-12-11"), ("to", "valueDate", "2026-12-01"))

    with pytest.raises(Refused) as refused:
        wanted(parameters(*pairs), base=BASE)

    assert refused.value.problems[0].code is Code.BAD_DATE


def test_a_rebooking_needs_its_window() -> None:
    said = moved(parameters(window(), ("reason", "valueString", "Ill")), base=BASE)

    with pytest.raises(Refused) as refused:
        moved({"resourceType": "Parameters"}, base=BASE)

    assert (said.window, said.reason) == (UUID(SLOT), "Ill")
    assert refused.value.problems[0].code is Code.PARAMETERS_FORM


def a_slot(**members: object) -> Tree:
    tree: Tree = {
        "resourceType": "Slot",
        "schedule": {"reference": "Schedule/s1"},
        "status": "free",
        "start": "2026-12-02T10:00:00-05:00",
        "end": "2026-12-02T10:30:00-05:00",
    }
    tree.update(members)  # type: ignore[arg-type] # JSON by keyword
    return tree


def test_a_slot_names_its_schedule_and_time() -> None:
    said = wanted_slot(a_slot(status="busy-unavailable"), base=BASE)

    assert (said.schedule, said.opening) == ("s1", Opening.CLOSED)
    assert said.span.start == datetime(2026, 12, 2, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"status": "busy"}, Code.FIELD_NOT_YOURS),
        ({"end": "2026-12-02T10:00:00-05:00"}, Code.BAD_WINDOW),
        ({"schedule": {"reference": "Location/1"}}, Code.REFERENCE_NOT_FOUND),
    ],
)
def test_a_slot_that_cannot_be_one_is_refused(members: dict[str, object], code: Code) -> None:
    with pytest.raises(Refused) as refused:
        wanted_slot(a_slot(**members), base=BASE)

    assert [one.code for one in refused.value.problems] == [code]
