"""A stored resource as an answer: its text as it stands, and the headers that name its version."""

from http import HTTPStatus

from fhir_mappings.render.outcome import notice, outcome
from service.http.exchange import Answer, Ask, answer, versioned
from service.http.fhir.conditional import prefer, unchanged
from service.reads.instance import Stored


def location(ask: Ask, stored: Stored) -> str:
    """Return the absolute address of this version, under the public base."""
    return f"{ask.base}/{stored.identity}/_history/{stored.version}"


def shown(ask: Ask, stored: Stored) -> Answer:
    """Answer a read: the resource, or 304 where the caller has this version."""
    headers = versioned(stored.version, stored.updated_at)
    if unchanged(ask, stored):
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(status=HTTPStatus.OK, body=stored.text.encode(), headers=headers)


def written(ask: Ask, status: int, stored: Stored) -> Answer:
    """Answer a single write with the resource, unless the caller prefers less."""
    headers = {
        **versioned(stored.version, stored.updated_at),
        "location": location(ask, stored),
    }
    wanted = prefer(ask).returns
    if wanted == "minimal":
        return Answer(status=status, headers=headers)
    if wanted == "OperationOutcome":
        said = "Stored as sent." if status == HTTPStatus.CREATED else "This version stands."
        return answer(status, outcome([notice("stored", said)]), headers)
    return Answer(status=status, body=stored.text.encode(), headers=headers)
