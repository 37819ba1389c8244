"""Cards say what a finding says, in the form that CDS Hooks 2.0 wants, and as text alone."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fhir_mappings.model.finding import Action, Evidence, Finding, FindingKind, Screening
from fhir_mappings.model.hooks import Advice, Given, Judged, Moved
from fhir_mappings.model.json import Identity
from fhir_mappings.model.lift import Decision, Time
from fhir_mappings.model.stage import Stage
from fhir_mappings.render.cards import cards
from fhir_mappings.render.markdown import escaped

ACTIVE = r"\`*_[]<>#|~&@"
ORDER = Identity(rtype="ServiceRequest", rid="o1")


def an_evidence(value: str = "Seen this") -> Evidence:
    return Evidence(
        reference="Condition/1",
        version=1,
        path="Condition.code",
        value=value,
        date="2026-11",
        how="code",
    )


FINDING = Finding(
    rule="RULE-1",
    title="A title",
    action=Action.REVIEW,
    acts="",
    kind=FindingKind.CLINICAL,
    category="c",
    scheduler="For the scheduler.",
    referrer="For the referrer.",
    rationale="Because.",
    sources=("ONE",),
    evidence=(an_evidence(),),
)


def a_finding(**changes: object) -> Finding:
    return replace(FINDING, **changes)


def advised(*findings: Finding, **changes: object) -> list[dict[str, Any]]:
    screening = Screening(
        pack="a-pack",
        pack_version="1.0.0",
        variant="",
        planned=date(2026, 12, 1),
        day=date(2026, 11, 23),
        rules_checked=1,
        findings=findings,
    )
    advice = replace(Advice(judged=(Judged(order=ORDER, screening=screening),)), **changes)
    return [one.tree for one in cards(advice, {"ONE": "A book, 2026"})]


@pytest.mark.parametrize(
    ("action", "indicator"),
    [(Action.BLOCK, "critical"), (Action.REVIEW, "warning"), (Action.INFO, "info")],
)
def test_the_indicator_is_the_action_of_the_rule(action: Action, indicator: str) -> None:
    (card,) = advised(a_finding(action=action))

    assert card["indicator"] == indicator
    assert ("overrideReasons" in card) is (action is not Action.INFO)


def test_nothing_of_ours_is_no_card() -> None:
    assert cards(Advice(), {}) == ()


def test_a_detail_has_what_was_seen_what_clears_it_why_and_the_source() -> None:
    time = Time(first=date(2026, 12, 5), last=None, eased=False, known=True)
    word = Decision(roles=(), by_approval=True)

    (card,) = advised(a_finding(lifts=(time, word)))

    assert card["detail"].split("\n") == [
        "For the referrer.",
        "",
        "- Seen: Seen this, 2026-11 (Condition)",
        "- To clear it: From 5 December 2026 it no longer stands, by time alone.",
        "- Why: Because.",
        "- Source: A book, 2026",
    ]


def test_what_stands_twice_is_seen_once_and_the_rest_is_counted() -> None:
    evidence = tuple(an_evidence(f"Entry {number % 8}") for number in range(16))

    (card,) = advised(a_finding(evidence=evidence))

    assert card["detail"].count("- Seen: Entry") == 5
    assert "- Seen: 3 more" in card["detail"]


def test_notes_are_one_card_however_many_there_are() -> None:
    notes = [a_finding(action=Action.INFO, title=f"Note {number}") for number in range(7)]

    (card,) = advised(*notes)

    assert "7 notes" in card["summary"]
    assert card["detail"].count("\n- Note") == 6


def test_the_most_urgent_card_comes_first() -> None:
    actions = [Action.INFO, Action.REVIEW, Action.BLOCK, Action.REVIEW]

    found = advised(*(a_finding(action=one) for one in actions), gaps={"conditions": Given.ABSENT})

    assert [one["indicator"] for one in found] == [
        "critical",
        "warning",
        "warning",
        "warning",
        "info",
    ]


@given(st.text(max_size=400))
def test_a_summary_is_one_line_of_less_than_140_characters(title: str) -> None:
    (card,) = advised(a_finding(title=title))

    assert 0 < len(card["summary"]) < 140
    assert len(card["summary"].splitlines()) == 1


@given(st.text(alphabet=st.sampled_from(ACTIVE + "ab \n\t:/.-+=1www"), max_size=80))
def test_text_of_others_stays_text_in_markdown(words: str) -> None:
    (card,) = advised(a_finding(evidence=(an_evidence(words),)))

    line = next(one for one in card["detail"].split("\n") if one.startswith("- Seen: "))
    bare = escaped(words)
    assert "\n" not in bare
    assert line.startswith(f"- Seen: {bare}")
    assert unescaped(bare) == " ".join(words.split())
    assert not alive(bare)


def unescaped(text: str) -> str:
    """What a reader of Markdown sees: a backslash before punctuation is gone."""
    seen, quoted = "", False
    for one in text:
        if one == "\\" and not quoted:
            quoted = True
            continue
        seen += one
        quoted = False
    return seen


def alive(text: str) -> str:
    """What would still be read as markup: active characters and links without a backslash."""
    bare = text.replace("\\\\", "")
    found = [
        one
        for place, one in enumerate(bare)
        if one in ACTIVE and one != "\\" and (place == 0 or bare[place - 1] != "\\")
    ]
    return "".join([*found, *re.findall(r"(?<!\\)://|www\.", bare)])


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("[free](https://evil.example)", r"\[free\](https\://evil.example)"),
        ("www.evil.example", r"www\.evil.example"),
        ("![](x)", r"!\[\](x)"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("mail me@evil.example", r"mail me\@evil.example"),
        ("a\n# heading\n- item", r"a \# heading - item"),
    ],
)
def test_markup_in_an_entry_is_shown_as_it_was_written(words: str, shown: str) -> None:
    assert escaped(words) == shown


def test_each_gap_is_a_line_and_null_is_none() -> None:
    found = advised(
        gaps={"conditions": Given.ABSENT, "allergies": Given.FAILED, "statements": Given.PART},
        here=False,
        invalid=2,
        unjudged=1,
    )

    (card,) = found
    assert card["detail"].split("\n") == [
        "- conditions: not given",
        "- allergies: could not be read",
        "- medicines taken: only in part: there is more",
        "- what the clinic holds of this patient: not read in time",
        "- 2 resources: no valid FHIR R4, and may be misread",
        "- 1 further order: not screened in time",
    ]


def test_a_referral_that_moved_is_told_with_its_stage() -> None:
    moved = Moved(stage=Stage.PROPOSED, since=datetime(2026, 11, 22, tzinfo=UTC))

    (card,) = cards(Advice(moved=(moved,)), {})

    assert "Times proposed" in str(card.tree["summary"])
    assert card.about == ("stage",)
