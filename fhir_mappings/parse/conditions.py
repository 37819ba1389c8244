"""A condition (If-None-Exist, `Type?query`) as the index tokens that its match carries.

Source: FHIR R4 http.html#ccreate; only parameters that one token answers exactly are offered.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from fhir_mappings.parse.index import reference_token, token
from fhir_mappings.parse.query import CONTROL
from fhir_mappings.parse.references import Condition
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.terms.search_parameters import TABLE, Kind

_OFFERED: Final = (Kind.TOKEN, Kind.IDENTIFIER, Kind.REFERENCE)


def tokens(condition: Condition, space: UUID, *, at: str = "") -> tuple[str, ...]:
    """Return the tokens that a resource must carry, all of them, to meet a condition.

    Raises:
        Refused: `unknown-parameter` where a parameter cannot be part of a condition here,
            `parameter-value` where it has no value.
    """
    pairs = parse_qsl(condition.query, keep_blank_values=True)
    if not pairs:
        raise Refused(Problem(Code.PARAMETER_VALUE, at, condition.rtype))
    return tuple(_token(condition.rtype, name, value, space, at) for name, value in pairs)


def identifiers(rtype: str, values: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the token of each identifier, by system and value."""
    return tuple(token(rtype, "identifier", system, value, exact=True) for system, value in values)


def _token(rtype: str, name: str, value: str, space: UUID, at: str) -> str:
    parameter = TABLE.get(rtype, {}).get(name)
    if parameter is None or parameter.kind not in _OFFERED:
        raise Refused(Problem(Code.UNKNOWN_PARAMETER, at, rtype))
    if not value or "," in value or CONTROL.search(value):
        raise Refused(Problem(Code.PARAMETER_VALUE, at, rtype))
    if parameter.kind is Kind.REFERENCE:
        target = value if "/" in value else f"{next(iter(parameter.targets), '')}/{value}"
        return reference_token(rtype, name, space, target)
    system, bar, code = value.partition("|")
    if not bar:
        return token(rtype, name, None, value, exact=parameter.kind is Kind.IDENTIFIER)
    return token(rtype, name, system, code, exact=parameter.kind is Kind.IDENTIFIER)
