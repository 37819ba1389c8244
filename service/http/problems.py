"""What goes wrong at a door: kind of refusal → status, and every failure → OperationOutcome.

The core says why (`fhir_mappings.problems`: code → kind); here a kind becomes a status. What only
a door can cause (no token, no such method, too fast …) has its rows in `Fault`.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from fhir_mappings.model.json import Tree
from fhir_mappings.problems import Kind, Refused
from fhir_mappings.render.outcome import Issue, outcome, refusal
from service.http.exchange import Answer, answer

STATUS: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        Kind.TOO_BIG: 413,
        Kind.MALFORMED: 400,
        Kind.FORBIDDEN: 403,
        Kind.UNPROCESSABLE: 422,
        Kind.STALE: 412,
        Kind.CONFLICT: 409,
        Kind.ABSENT: 404,
        Kind.UNAVAILABLE: 503,
    }
)

RETRY_SECONDS: Final = 5
"""`Retry-After` of a 503: the database is usually back within seconds (STORAGE §12)."""


class Row(NamedTuple):
    """Status, FHIR issue type, our code, and the sentence with its repair."""

    status: int
    issue: str
    code: str
    text: str


class Fault(Enum):
    """What a door alone can say; no flow can cause it."""

    HOST = Row(
        400, "invalid", "host", "This host name is not ours. Use the base that metadata names."
    )
    BODY = Row(400, "structure", "body", "The body did not arrive as HTTP has it. Send it again.")
    TOKEN = Row(
        401,
        "login",
        "token",
        "This door wants a bearer token that is known and not expired. "
        "Send one in the Authorization header.",
    )
    NO_ROUTE = Row(
        404,
        "not-found",
        "no-such-address",
        "There is no such address. Check it against metadata.",
    )
    METHOD = Row(
        405,
        "not-supported",
        "method",
        "This address does not take this method. Use one of those in the Allow header.",
    )
    ACCEPT = Row(
        406,
        "not-supported",
        "accept",
        "Answers come as FHIR JSON only. Accept application/fhir+json.",
    )
    GONE = Row(410, "deleted", "deleted", "The resource was deleted. Read its history.")
    LENGTH = Row(
        413, "too-long", "body-too-large", "The body is larger than this door takes. Send less."
    )
    ADDRESS_LENGTH = Row(
        414,
        "too-long",
        "address-too-long",
        "The address is too long. Send a search as POST to _search.",
    )
    CONTENT_TYPE = Row(
        415,
        "not-supported",
        "content-type",
        "The body is not of a type that this address takes. "
        "Send application/fhir+json or application/json, not compressed.",
    )
    PATCH_TYPE = Row(
        415,
        "not-supported",
        "content-type",
        "A patch of this type is not taken. Send application/json-patch+json (RFC 6902).",
    )
    FORM_TYPE = Row(
        415,
        "not-supported",
        "content-type",
        "A search by POST is a form. Send application/x-www-form-urlencoded.",
    )
    PACE = Row(
        429,
        "throttled",
        "too-many-requests",
        "More requests than agreed. Wait as long as Retry-After says.",
    )
    HEADERS_LENGTH = Row(
        431, "too-long", "headers-too-long", "The headers are too long. Send fewer."
    )
    OURS = Row(
        500,
        "exception",
        "our-fault",
        "We could not confirm that this was done. Send it again in a minute: it counts once. "
        "If it stays, give the operator the X-Request-Id of this answer.",
    )
    TIME = Row(
        503,
        "timeout",
        "time-out",
        "This took too long. Send it again in a minute: it counts once.",
    )


class Turned(Exception):
    """A request turned away by a door, with the headers its answer needs."""

    def __init__(self, fault: Fault, headers: Mapping[str, str] | None = None) -> None:
        """Keep the row and the headers."""
        super().__init__(fault.value.code)
        self.fault = fault
        self.headers: Mapping[str, str] = headers or {}


def refused(refusal_: Refused) -> Answer:
    """Answer a refusal of the core: every problem, and the status of its first kind."""
    status = STATUS[refusal_.kind]
    headers = {"retry-after": str(RETRY_SECONDS)} if refusal_.kind is Kind.UNAVAILABLE else {}
    return answer(status, refusal(refusal_.problems), headers)


def turned(fault: Fault, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer for the door itself."""
    row = fault.value
    extra = {"retry-after": str(RETRY_SECONDS)} if fault is Fault.TIME else {}
    return answer(row.status, told(fault), {**extra, **(headers or {})})


def told(fault: Fault) -> Tree:
    """Write the OperationOutcome of one row."""
    row = fault.value
    return outcome([Issue(issue=row.issue, code=row.code, text=row.text)])
