"""The answer to a proposal: what was left out is a warning, what helps stays what it is."""

from fhir_mappings.model.json import decode, items, members, text
from fhir_mappings.problems import Code, Problem
from fhir_mappings.render.proposed import proposed


def test_what_helps_beside_a_window_left_out_is_no_warning() -> None:
    left_out = [
        Problem(Code.FINDING_OPEN, context="2026-12-01: R"),
        Problem(Code.CLEAR_FROM, context="2026-12-05"),
    ]

    bundle = decode(proposed([], left_out).decode())

    (outcome,) = [members(one)["resource"] for one in items(bundle["entry"])]
    told = [
        (text(one, "severity"), text(one, "details", "text"))
        for one in items(members(outcome)["issue"])
    ]
    assert [severity for severity, _ in told] == ["warning", "information"]
    assert "2026-12-05" in told[1][1]
