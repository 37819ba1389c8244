"""SECURITY §3.1: what a hostile or broken body meets before any model."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.parse import guard
from fhir_mappings.parse.guard import Limits
from fhir_mappings.problems import Kind, Problem, Refused
from tests.kit.corpus import payload


def refusal(body: bytes, limits: Limits | None = None) -> list[tuple[str, str]]:
    """Read a body that must be refused: code and expression of each problem."""
    with pytest.raises(Refused) as refused:
        guard.read(body, limits or Limits())
    return [(one.code.value, one.expression) for one in refused.value.problems]


def outcome(body: bytes) -> Tree | tuple[Problem, ...]:
    """Read a body: its tree, or why not. Anything else that is raised fails the test."""
    try:
        return guard.read(body)
    except Refused as refused:
        return refused.problems


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@pytest.mark.parametrize("depth", [1, 2, 31, 32])
def test_nesting_up_to_the_limit_is_read(depth: int) -> None:
    tree = guard.read(nested(depth))

    assert isinstance(tree, dict)


@pytest.mark.parametrize("depth", [33, 900, 10_000])
def test_t01_nesting_beyond_the_limit_is_refused_in_time(depth: int) -> None:
    started = time.process_time()

    problems = refusal(nested(depth))

    assert [code for code, _ in problems] == ["too-deep"]
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize("depth", [100_000, 300_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_t01_nesting_of_a_bomb_is_refused_by_its_counts(depth: int, opening: bytes) -> None:
    started = time.process_time()

    problems = refusal(opening * depth)

    assert problems == [("too-costly", "")]
    assert time.process_time() - started < 0.1


def test_t01_brackets_inside_a_text_are_no_nesting() -> None:
    tree = guard.read(b'{"note": "' + b"[" * 9_000 + b'"}')

    assert tree == {"note": "[" * 9_000}


def test_t02_body_is_bounded_to_the_byte() -> None:
    body = b'{"a":1}'.ljust(2 * 1024 * 1024)

    assert guard.read(body) == {"a": 1}
    assert refusal(body + b" ") == [("body-too-large", "")]


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        (b'{"resourceType":"Patient","active":true,"active":false}', "Patient.active"),
        (b'{"resourceType":"Patient","active":true,"\\u0061ctive":false}', "Patient.active"),
        (
            b'{"resourceType":"Patient","name":[{"use":"usual","use":"usual"}]}',
            "Patient.name[0].use",
        ),
        (b'{"resourceType":"Patient","Jane Roe":1,"Jane Roe":2}', "Patient"),
        (b'{"resourceType":"Patient","id":{"a":1,"a":2},"id":"x"}', "Patient.id"),
    ],
)
def test_t03_member_that_stands_twice_is_refused_where_it_stands(
    body: bytes, expression: str
) -> None:
    assert refusal(body) == [("duplicate-member", expression)]


@pytest.mark.parametrize("level", range(9))
def test_t03_member_that_stands_twice_is_found_at_every_level(level: int) -> None:
    body = b'{"a":' * level + b'{"b":1,"\\u0062":2}' + b"}" * level

    assert [code for code, _ in refusal(body)] == ["duplicate-member"]


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1" * 33,
        "-" + "1" * 5_000,
        "0." + "1" * 32,
        "1e400",
        "1E-999",
    ],
)
def test_t04_number_out_of_range_is_refused(number: str) -> None:
    body = f'{{"resourceType":"Observation","valueQuantity":{{"value":{number}}}}}'.encode()

    assert refusal(body) == [("number-range", "Observation.value.value")]


@pytest.mark.parametrize("number", ["1.10", "20.00", "1E-22", "12345678901234567890.123", "-0.0"])
def test_t04_decimal_keeps_its_digits(number: str) -> None:
    tree = guard.read(f'{{"value":{number}}}'.encode())

    assert str(tree["value"]) == number


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0007b", "\\b", "\\f", "\\ud800", "\\udc00x"])
def test_t05_forbidden_character_is_refused_where_it_stands(text: str) -> None:
    body = f'{{"resourceType":"Patient","name":[{{"family":"{text}"}}]}}'.encode()

    assert refusal(body) == [("text-characters", "Patient.name[0].family")]


def test_t05_forbidden_character_in_a_member_name_is_refused() -> None:
    assert refusal(b'{"resourceType":"Patient","\\u0000":1}') == [("text-characters", "Patient")]


@pytest.mark.parametrize("text", ["\\t\\r\\n", "\\u00e9", "\\ud83d\\ude00", "\\\\u0000", "\u202e"])
def test_t05_allowed_character_is_read(text: str) -> None:
    tree = guard.read(f'{{"family":"{text}"}}'.encode())

    assert tree == {"family": json.loads(f'"{text}"')}


@pytest.mark.parametrize(
    ("member", "most", "expression"),
    [
        ("family", 64 * 1024, "Patient.name[0].family"),
        ("url", 2 * 1024, "Patient.name[0].url"),
        ("display", 1024, "Patient.name[0].display"),
    ],
)
def test_text_is_bounded_to_the_byte(member: str, most: int, expression: str) -> None:
    def body(size: int) -> bytes:
        name = {"resourceType": "Patient", "name": [{member: "é" + "x" * (size - 2)}]}
        return json.dumps(name, ensure_ascii=False).encode()

    assert guard.read(body(most))["resourceType"] == "Patient"
    assert refusal(body(most + 1)) == [("text-too-long", expression)]


def test_attachment_is_bounded_by_its_own_limit() -> None:
    def body(size: int) -> bytes:
        return b'{"resourceType":"Patient","photo":[{"data":"' + b"A" * size + b'"}]}'

    most = (1024 * 1024 + 2) // 3 * 4

    assert guard.read(body(most))["resourceType"] == "Patient"
    assert refusal(body(most + 4)) == [("attachment-too-large", "Patient.photo[0].data")]


def test_a_sixth_attachment_is_refused() -> None:
    photos = [{"data": "QUJD"} for _ in range(6)]
    body = json.dumps({"resourceType": "Patient", "photo": photos}).encode()

    assert refusal(body) == [("attachment-too-large", "Patient.photo[5].data")]


def test_array_and_entries_are_bounded() -> None:
    def bundle(count: int) -> bytes:
        return b'{"resourceType":"Bundle","entry":[' + b",".join([b"{}"] * count) + b"]}"

    names = b'{"resourceType":"Patient","name":[' + b",".join([b"{}"] * 1_001) + b"]}"

    assert len(guard.slices(bundle(500))) == len(guard.read(bundle(500))["entry"])  # type: ignore[arg-type] # Json
    assert refusal(bundle(501)) == [("too-many-entries", "Bundle.entry")]
    assert refusal(names) == [("array-too-long", "Patient.name")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not-json"),
        (b"null", "not-json"),
        (b"[]", "not-json"),
        (b'"text"', "not-json"),
        (b"{} {}", "not-json"),
        (b'{"a":1,}', "not-json"),
        (b"{'a':1}", "not-json"),
        (b'{"a":"\n"}', "not-json"),
        (b'{"a":01}', "not-json"),
        (b'\xef\xbb\xbf{"a":1}', "not-utf8"),
        ('{"a":"é"}'.encode("latin-1"), "not-utf8"),
        ('{"a":1}'.encode("utf-16"), "not-utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not-utf8"),
    ],
)
def test_body_that_is_no_json_object_is_refused(body: bytes, code: str) -> None:
    assert refusal(body) == [(code, "")]


def test_counts_are_bounded_before_parsing() -> None:
    objects = b'{"a":[' + b",".join([b"{}"] * 20_000) + b"]}"
    commas = b'{"a":[' + b"1," * 50_001 + b"1]}"

    assert refusal(objects) == [("too-costly", "")]
    assert refusal(commas) == [("too-costly", "")]


def test_faults_come_together_and_the_largest_kind_decides() -> None:
    body = b'{"resourceType":"Bundle","id":"\\u0000","total":NaN,"entry":[' + b",".join(
        [b"{}"] * 501
    )

    with pytest.raises(Refused) as refused:
        guard.read(body + b"]}")

    assert [one.code.value for one in refused.value.problems] == [
        "text-characters",
        "number-range",
        "too-many-entries",
    ]
    assert refused.value.kind is Kind.TOO_BIG


def test_at_most_fifty_faults_are_listed() -> None:
    body = b'{"resourceType":"Patient","name":[' + b",".join([b"NaN"] * 900) + b"]}"

    assert len(refusal(body)) == 50


def test_limits_of_a_door_are_an_argument() -> None:
    problems = refusal(payload("tpi/clean-referral"), Limits(entries=2))

    assert problems == [("too-many-entries", "Bundle.entry")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


@settings(deadline=None)
@given(body=st.binary(max_size=400))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    found = outcome(body)

    assert isinstance(found, dict) or found


@settings(deadline=None)
@given(value=st.dictionaries(st.text(), json_values), ascii_only=st.booleans())
def test_json_of_any_kind_is_read_or_refused(value: dict[str, Json], *, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass")

    found = outcome(body)

    assert list(found) == list(value) if isinstance(found, dict) else found


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_referral_with_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(payload("tpi/clean-referral"))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.sampled_from(b'{}[]",:\\0u1e.-\x00\xff'))

    found = outcome(bytes(body))

    assert isinstance(found, dict) or found
