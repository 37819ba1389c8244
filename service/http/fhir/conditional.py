"""What the headers of a FHIR request ask: versions, conditions, preferences, whose space.

Source: FHIR R4 http.html; PROTOCOL §2.1; TRAPS §3 (what clients really send).
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from fhir_mappings.parse.query import IGNORED
from fhir_mappings.parse.versions import version_of
from fhir_mappings.problems import Code, Problem, Refused
from service.http.exchange import Ask
from service.reads.instance import Stored

PLACER_HEADER: Final = "tpi-placer"
RETURNS: Final = ("representation", "minimal", "OperationOutcome")


class Prefer(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller would like: what a write returns (empty: the door's own way), how strict."""

    returns: str = ""
    lenient: bool = False


def prefer(ask: Ask) -> Prefer:
    """Read the Prefer header; what is not known is ignored (RFC 7240)."""
    said = {one.strip().replace('"', "") for one in ask.header("prefer").split(",")}
    return Prefer(
        returns=next((one for one in RETURNS if f"return={one}" in said), ""),
        lenient="handling=lenient" in said,
    )


def expected(ask: Ask) -> int | None:
    """Return the version that If-Match names, None without the header.

    Raises:
        Refused: `version-form` for any form but `W/"n"`, `"n"`, `n`.
    """
    header = ask.header("if-match")
    if not header:
        return None
    version = version_of(header)
    if version is None:
        raise Refused(Problem(Code.VERSION_FORM))
    return version


def condition(ask: Ask) -> str:
    """Return the query of If-None-Exist, else that of the address (fhirpy), empty for none."""
    header = ask.header("if-none-exist").strip()
    if header:
        return header.rpartition("?")[2] if "?" in header.partition("=")[0] else header
    return urlencode([pair for pair in ask.query if pair[0] not in IGNORED])


def unchanged(ask: Ask, stored: Stored) -> bool:
    """Say whether the caller has this version: If-None-Match, else If-Modified-Since.

    A bare version id counts (fhirpy sends one); what has another form matches nothing.
    """
    header = ask.header("if-none-match")
    if header:
        return any(version_of(one) == stored.version for one in header.split(","))
    since = ask.header("if-modified-since")
    if not since:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _whole_second(stored.updated_at) <= moment


def named_placer(ask: Ask) -> UUID | None:
    """Return the placer whose space staff mean; a placer's own client never needs it.

    Raises:
        Refused: `which-placer` where the header is no id.
    """
    header = ask.header(PLACER_HEADER).strip()
    if not header or not ask.caller.is_staff:
        return None
    try:
        return UUID(header)
    except ValueError:
        raise Refused(Problem(Code.WHICH_PLACER)) from None


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)
