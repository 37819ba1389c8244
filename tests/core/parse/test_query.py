from datetime import UTC, datetime
from uuid import UUID

import pytest

from fhir_mappings.model.json import Tree
from fhir_mappings.model.query import Order, Position
from fhir_mappings.parse.index import index, reference_token, token
from fhir_mappings.parse.query import PARAMETERS_MOST, VALUES_MOST, Page, Reader, cursor, position
from fhir_mappings.problems import Code, Refused

SPACE = UUID("0199a1c0-0000-7000-8000-000000000001")
BASE = "https://clinic.example/fhir"


def a_reader(rtype: str = "Condition", *, staff: bool = False) -> Reader:
    return Reader(rtype, spaces=() if staff else (SPACE,), base=BASE)


def refused(reader: Reader, *pairs: tuple[str, str]) -> list[Code]:
    with pytest.raises(Refused) as fault:
        reader.read(pairs, Page(), lenient=False)
    return [one.code for one in fault.value.problems]


@pytest.mark.parametrize(
    "value",
    ["http://x.example|K1", "K1", "k1", "http://x.example|"],
)
def test_each_way_to_name_a_code_finds_the_coding(value: str) -> None:
    tree: Tree = {
        "resourceType": "Condition",
        "code": {"coding": [{"system": "http://x.example", "code": "K1"}]},
    }
    tokens = index(tree, space=SPACE).tokens

    asked = a_reader().read([("code", value)], Page(), lenient=False)

    assert set(asked.query.each) <= set(tokens)


def test_a_code_without_a_system_is_named_by_an_empty_one() -> None:
    asked = a_reader().read([("code", "|K1")], Page(), lenient=False)

    assert asked.query.each == (token("Condition", "code", "", "K1", exact=False),)


def test_values_after_commas_are_alternatives_and_repeated_parameters_all_count() -> None:
    pairs = [("code", "a,b"), ("code", "c"), ("clinical-status", "active")]

    query = a_reader().read(pairs, Page(), lenient=False).query

    assert len(query.any_of) == 1
    assert len(query.any_of[0]) == 2
    assert len(query.each) == 2


def test_an_escaped_comma_or_bar_is_part_of_the_value() -> None:
    query = a_reader().read([("identifier", r"s\|t|a\,b")], Page(), lenient=False).query

    assert query.each == (token("Condition", "identifier", "s|t", "a,b", exact=True),)


@pytest.mark.parametrize("value", ["Patient/p", "p", f"{BASE}/Patient/p", "Patient/p/_history/2"])
def test_a_reference_is_named_by_type_and_id_by_id_or_by_its_address_here(value: str) -> None:
    query = a_reader().read([("patient", value)], Page(), lenient=False).query

    assert query.each == (reference_token("Condition", "patient", SPACE, "Patient/p"),)
    assert query.targets == ("Patient/p",)


def test_a_type_after_the_colon_says_which_target_is_meant() -> None:
    query = a_reader().read([("subject:Patient", "p")], Page(), lenient=False).query

    assert query.targets == ("Patient/p",)


def test_staff_name_a_reference_in_any_space() -> None:
    query = a_reader(staff=True).read([("patient", "p")], Page(), lenient=False).query

    assert query.each == (reference_token("Condition", "patient", None, "Patient/p"),)


@pytest.mark.parametrize(
    ("value", "prefix", "start"),
    [
        ("2026-03", "eq", "2026-03-01T00:00:00+00:00"),
        ("ge2026-03-01T10:00:00Z", "ge", "2026-03-01T10:00:00+00:00"),
        ("gt2026-03-01T10:00:00+02:00", "gt", "2026-03-01T08:00:00+00:00"),
        ("lt2026-03-01T10:00:00 02:00", "lt", "2026-03-01T08:00:00+00:00"),
    ],
)
def test_a_date_has_a_prefix_and_a_blank_offset_is_mended(
    value: str, prefix: str, start: str
) -> None:
    (when,) = a_reader().read([("_lastUpdated", value)], Page(), lenient=False).query.when

    assert (when.prefix, when.start) == (prefix, datetime.fromisoformat(start))


@pytest.mark.parametrize(
    "pair",
    [
        ("nonsense", "x"),
        ("code:not", "x"),
        ("code:text", "x"),
        ("patient.name", "x"),
        ("_has:Observation:patient:code", "x"),
        ("subject:Nonsense", "p"),
        ("_include", "Condition:patient"),
        ("_revinclude", "Observation:patient"),
        ("_filter", "code eq x"),
        ("_text", "x"),
        ("_content", "x"),
        ("_query", "x"),
        ("_elements", "id"),
        ("_summary", "true"),
        ("_tag", "x"),
        ("", "x"),
    ],
)
def test_t30_what_is_not_on_the_list_is_refused(pair: tuple[str, str]) -> None:
    assert refused(a_reader(), pair) == [Code.UNKNOWN_PARAMETER]


@pytest.mark.parametrize(
    "pairs",
    [
        [("code", "")],
        [("code", "a,,b")],
        [("code", "|")],
        [("patient", "a b")],
        [("patient", "'; DROP TABLE resource; --")],
        [("recorded-date", "soon")],
        [("recorded-date", "xx2026")],
        [("recorded-date", "2026-02-30")],
        [("_count", "-1")],
        [("_count", "1.0")],
        [("_count", "٣")],
        [("_count", "1"), ("_count", "1")],
        [("_sort", "code")],
        [("_sort", "_id,_lastUpdated")],
        [("_total", "exactly")],
        [("_total", "none"), ("_totalMethod", "count")],
        [("_cursor", "x")],
        [("code", ",".join(["a"] * (VALUES_MOST + 1)))],
        [("code", "a")] * (PARAMETERS_MOST + 1),
    ],
)
def test_a_value_without_its_form_is_refused(pairs: list[tuple[str, str]]) -> None:
    assert set(refused(a_reader(), *pairs)) == {Code.PARAMETER_VALUE}


def test_all_faults_of_a_search_are_told_at_once_and_no_value_is_repeated() -> None:
    with pytest.raises(Refused) as fault:
        a_reader().read([("ssn", "123"), ("_count", "secret")], Page(), lenient=False)

    assert len(fault.value.problems) == 2
    assert not any("123" in one.sentence or "ssn" in one.sentence for one in fault.value.problems)


def test_lenient_drops_what_is_not_offered_and_counts_it_but_never_a_broken_value() -> None:
    asked = a_reader().read([("nonsense", "x"), ("code", "a")], Page(), lenient=True)
    with pytest.raises(Refused):
        a_reader().read([("nonsense", "x"), ("_count", "y")], Page(), lenient=True)

    assert asked.dropped == 1
    assert asked.applied == (("code", "a"),)


def test_a_page_above_the_most_is_capped_and_says_so() -> None:
    asked = a_reader().read([("_count", "5000")], Page(usual=20, most=100), lenient=False)

    assert asked.count == 100
    assert asked.applied == (("_count", "100"),)


@pytest.mark.parametrize(
    ("pairs", "count", "total"),
    [
        ([("_count", "0"), ("_totalMethod", "count")], 0, True),
        ([("_count", "0")], 0, True),
        ([("_summary", "count")], 0, True),
        ([("_total", "accurate")], 20, True),
        ([("_total", "none")], 20, False),
        ([], 20, False),
    ],
)
def test_a_total_is_counted_where_it_is_asked(
    pairs: list[tuple[str, str]], count: int, *, total: bool
) -> None:
    asked = a_reader().read(pairs, Page(), lenient=False)

    assert (asked.count, asked.total) == (count, total)


@pytest.mark.parametrize(
    ("value", "order"),
    [("_id", Order.ID), ("-_id", Order.ID_DOWN), ("_lastUpdated", Order.OLDEST)],
)
def test_pages_are_ordered_by_id_or_time(value: str, order: Order) -> None:
    assert a_reader().read([("_sort", value)], Page(), lenient=False).query.order is order


def test_a_cursor_is_read_back_as_the_place_it_was() -> None:
    place = Position(at=datetime(2026, 3, 1, 8, 0, 0, 123456, UTC), rid="p-1", space=SPACE)

    assert position(cursor(place)) == place


@pytest.mark.parametrize("text", ["", "é", "AAAA", "Zm9v", "%%%", "A" * 400])
def test_another_text_is_no_cursor(text: str) -> None:
    assert position(text) is None


@pytest.mark.parametrize(
    ("question", "narrow"),
    [
        ([("identifier", "https://ehr.example/mrn|1")], True),
        ([("identifier", "1")], True),
        ([("identifier", "https://ehr.example/mrn|")], False),
        ([("patient", "Patient/1")], True),
        ([("patient", "1,2"), ("status", "accepted")], True),
        ([("owner", "Organization/1")], False),
        ([("owner", "1")], False),
        ([("status", "accepted,received")], False),
    ],
)
def test_a_search_that_names_one_thing_is_told_from_one_of_a_class(
    question: list[tuple[str, str]], *, narrow: bool
) -> None:
    asked = a_reader("Task", staff=True).read(question, Page(), lenient=False)

    assert asked.query.narrow is narrow


def test_the_group_that_names_one_thing_stands_first() -> None:
    question = [("status", "accepted,received"), ("patient", "1,2")]

    asked = a_reader("Task", staff=True).read(question, Page(), lenient=False)

    assert "Task|patient=Patient/1" in asked.query.any_of[0]
