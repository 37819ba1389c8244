"""The primitive types of FHIR R4 as JSON Schema: https://hl7.org/fhir/R4/datatypes.html#primitive.

Stricter than the published patterns where those let nonsense pass: a day must be on the calendar
(2026-02-30 is not), base64 must be whole, a year is 1 at least. Blank and control characters are
judged by `parse.checks`, because they are wrong everywhere.
"""

from typing import Final, TypeAlias

Schema: TypeAlias = dict[str, object]

ID: Final = r"[A-Za-z0-9\-.]{1,64}"

_YEAR = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY_OF_ANY_YEAR = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DAY = rf"(?:{_YEAR}-{_DAY_OF_ANY_YEAR}|{_LEAP_YEAR}-02-29)"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"  # 60: a leap second
_ZONE = r"(?:Z|[+\-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MONTH = rf"{_YEAR}-(?:0[1-9]|1[0-2])"
_SIX_BITS = r"\s*[0-9A-Za-z+/]"
_BASE64 = rf"(?:(?:{_SIX_BITS}){{4}})*(?:(?:{_SIX_BITS}){{2}}\s*=\s*=|(?:{_SIX_BITS}){{3}}\s*=)?\s*"


def _text(pattern: str = "") -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern})$"} if pattern else {"type": "string"}


def _integer(least: int) -> Schema:
    # `whole` is our own keyword (parse.shape): JSON Schema takes 1.0 for an integer, FHIR does not.
    return {"type": "integer", "whole": True, "minimum": least, "maximum": 2**31 - 1}


PRIMITIVES: Final[dict[str, Schema]] = {
    "boolean": {"type": "boolean"},
    "decimal": {"type": "number"},
    "integer": _integer(-(2**31)),
    "unsignedInt": _integer(0),
    "positiveInt": _integer(1),
    "string": _text(),
    "markdown": _text(),
    "xhtml": _text(),
    "code": _text(r"[^\s]+(?:\s[^\s]+)*"),
    "id": _text(ID),
    "uri": _text(r"\S*"),
    "url": _text(r"\S*"),
    "canonical": _text(r"\S*"),
    "oid": _text(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"),
    "uuid": _text(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "base64Binary": _text(_BASE64),
    "date": _text(rf"{_YEAR}|{_MONTH}|{_DAY}"),
    "dateTime": _text(rf"{_YEAR}|{_MONTH}|{_DAY}(?:T{_CLOCK}{_ZONE})?"),
    "instant": _text(rf"{_DAY}T{_CLOCK}{_ZONE}"),
    "time": _text(_CLOCK),
}


def or_null(schema: Schema) -> Schema:
    """Return the schema of an item of an array of primitives, where null keeps a place free."""
    if "enum" in schema:
        options = schema["enum"]
        assert isinstance(options, list)  # noqa: S101 - our own schema, two lines above
        return {**schema, "enum": [*options, None]}
    return {**schema, "type": [schema["type"], "null"]}
