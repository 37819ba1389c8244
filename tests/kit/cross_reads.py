"""What can be asked about a resource by its id, and whether the answer tells that it is there."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2

from fhir_mappings.terms.search_parameters import TABLE, Kind
from service.http.fhir.served import SERVED
from service.store.roles import Direct
from tests.http.staff.test_booking import response
from tests.kit.door import FHIR, JSON, Door
from tests.kit.forms import PLAIN, a_resource
from tests.kit.referrals import a_payload, replaced, resource_of
from tests.kit.two_clinics import VICTIM

UNTOLD = {"date", "x-request-id"}


PATCH = {"content-type": "application/json-patch+json"}
Row = tuple[str, str, int]


OPERATIONS: dict[str, list[dict[str, Any]]] = {
    "Task/{id}/$tpi-review": [
        {"name": "decision", "valueCode": "defer"},
        {"name": "reason", "valueCodeableConcept": {"text": "after the holidays"}},
        {"name": "until", "valueDate": "2027-02-01"},
    ],
    "Task/{id}/$tpi-propose": [],
    "Task/{id}/$tpi-settle": [{"name": "action", "valueCode": "again"}],
    "Appointment/{id}/$tpi-arrive": [],
    "Appointment/{id}/$tpi-no-show": [],
    "Appointment/{id}/$tpi-undo": [],
    "Appointment/{id}/$tpi-rebook": [
        {
            "name": "window",
            "valueReference": {"reference": "Slot/0199a0aa-1111-7222-8333-444455550000"},
        }
    ],
}
"""The operations of the staff door, with bodies that nothing is wrong with."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request about one id; `{id}` stands for it in address, headers and body."""

    road: str
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: Any = None

    def request(self, client: httpx2.AsyncClient, rid: str) -> httpx2.Request:
        body = json.dumps(self.body).replace("{id}", rid) if self.body is not None else None
        headers = {name: value.replace("{id}", rid) for name, value in self.headers.items()}
        typed = JSON if body is not None and "content-type" not in headers else {}
        path = self.path.replace("{id}", rid)
        return client.build_request(
            self.method, f"/fhir/{path}", content=body, headers={**typed, **headers}
        )


async def owned(owner: Direct, placer: UUID) -> list[Row]:
    rows = await owner.fetch(
        "SELECT rtype, rid, vid FROM resource WHERE space = $1 ORDER BY 1, 2", placer
    )
    return [(row["rtype"], row["rid"], row["vid"]) for row in rows]


def never(rid: str) -> str:
    """An id of the same form and length that nobody has."""
    last = "0" if rid[-1] != "0" else "1"
    return f"{rid[:-1]}{last}"


def questions(rtype: str, version: int) -> Iterator[Question]:
    """Everything that can be asked about one resource by its id."""
    one = f"{rtype}/{{id}}"
    yield Question(road="read", method="GET", path=one)
    yield Question(road="read", method="GET", path=one, headers={"if-none-match": f"{version}"})
    since = {"if-modified-since": "Mon, 23 Nov 2026 13:00:00 GMT"}
    yield Question(road="read", method="GET", path=one, headers=since)
    yield Question(road="history", method="GET", path=f"{one}/_history")
    for number in range(1, version + 2):
        yield Question(road="vread", method="GET", path=f"{one}/_history/{number}")
    yield from _searches(rtype)
    for kind in ("batch", "transaction"):
        entry = {"request": {"method": "GET", "url": one}}
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
        yield Question(road=kind, method="POST", path="", body=bundle)
    stale = {"if-match": f'W/"{version}"'}
    yield Question(road="If-Match", method="DELETE", path=one, headers=stale)
    if rtype in PLAIN:
        body = a_resource(rtype, id="{id}")
        yield Question(road="If-Match", method="PUT", path=one, headers=stale, body=body)


def _searches(rtype: str) -> Iterator[Question]:
    """Every parameter that takes the id: of the type itself and of those that refer to it."""
    yield Question(road="search", method="GET", path=f"{rtype}?_id={{id}}&_total=accurate")
    yield Question(road="search", method="GET", path=f"{rtype}?_id={{id}}&_count=0")
    for name, parameter in TABLE.get(rtype, {}).items():
        if parameter.kind is Kind.REFERENCE and rtype in SERVED:
            yield Question(road="search", method="GET", path=f"{rtype}?{name}={{id}}")
    for other, table in TABLE.items():
        for name, parameter in table.items():
            if rtype in parameter.targets and other in SERVED:
                path = f"{other}?{name}={rtype}/{{id}}&_total=accurate"
                yield Question(road="search", method="GET", path=path)


def changes(story_patient: str) -> Iterator[tuple[str, Question]]:
    """What changes a Task, an Appointment, an order: the type of the id, and the request."""
    status = [{"op": "replace", "path": "/status", "value": "cancelled"}]
    for rtype in ("Task", "Appointment"):
        for headers in (PATCH, {**PATCH, "if-match": 'W/"1"'}):
            path = f"{rtype}/{{id}}"
            yield (
                rtype,
                Question(road="patch", method="PATCH", path=path, headers=headers, body=status),
            )
    task = {
        "resourceType": "Task",
        "id": "{id}",
        "meta": {"versionId": "1"},
        "status": "cancelled",
        "intent": "order",
    }
    yield "Task", Question(road="PUT", method="PUT", path="Task/{id}", body=task)
    appointment = {
        "resourceType": "Appointment",
        "id": "{id}",
        "meta": {"versionId": "1"},
        "status": "cancelled",
        "participant": [{"actor": {"display": "x"}, "status": "accepted"}],
    }
    path = "Appointment/{id}"
    yield "Appointment", Question(road="PUT", method="PUT", path=path, body=appointment)
    for answer in ("accepted", "declined", "tentative"):
        body = response({"id": "{id}"}, answer, comment="said by phone at noon")
        if answer == "tentative":
            body |= {"start": "2026-12-01T15:00:00Z", "end": "2026-12-01T15:30:00Z"}
        road = "AppointmentResponse"
        yield "Appointment", Question(road=road, method="POST", path=road, body=body)
    for path, said in OPERATIONS.items():
        body = {"resourceType": "Parameters", **({"parameter": said} if said else {})}
        rtype = path.partition("/")[0]
        yield rtype, Question(road="operation", method="POST", path=path, body=body)
    abort = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]
        },
        "focus": {"reference": f"{FHIR}/Task/{{id}}"},
    }
    yield "Task", Question(road="abort", method="POST", path="Task", body=abort)
    order = resource_of(a_payload("clean"), "ServiceRequest")
    revoked = {**order, "id": "{id}", "status": "revoked"}
    revoked["subject"] = {"reference": f"Patient/{story_patient}"}
    path = "ServiceRequest/{id}"
    yield "ServiceRequest", Question(road="revoke", method="PUT", path=path, body=revoked)
    about = replaced(a_payload("clean"), "urn:uuid:7eccb7f9-336d-59ce-8753-509597946b33", "X")
    about["entry"] = [
        one for one in about["entry"] if one["resource"]["resourceType"] == "ServiceRequest"
    ]
    resource = about["entry"][0]["resource"]
    resource["subject"] = {"reference": "Patient/{id}"}
    for member in ("requester", "reasonReference", "supportingInfo"):
        resource.pop(member, None)
    yield "Patient", Question(road="reference", method="POST", path="", body=about)


def told(answer: httpx2.Response, rid: str) -> tuple[int, dict[str, str], bytes]:
    """Everything an answer tells but the moment, the request's id and the id asked for."""
    headers = {
        name: value.replace(rid, "ID")
        for name, value in answer.headers.items()
        if name not in UNTOLD
    }
    return answer.status_code, headers, answer.content.replace(rid.encode(), b"ID")


@dataclass
class Tries:
    """How many were made by each road, and each that told a difference."""

    made: Counter[str] = field(default_factory=Counter[str])
    answered: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    leaks: list[str] = field(default_factory=list[str])

    async def ask(self, client: httpx2.AsyncClient, who: str, one: Question, rid: str) -> None:
        other = never(rid)
        foreign = await client.send(one.request(client, rid))
        absent = await client.send(one.request(client, other))
        self.made[one.road] += 1
        self.answered[one.road, foreign.status_code] += 1
        if VICTIM in foreign.text or told(foreign, rid) != told(absent, other):
            said = f"{foreign.status_code} and {absent.status_code}"
            self.leaks.append(f"{who} {one.method} {one.path}: {said}")

    def __str__(self) -> str:
        return f"{self.made.total()} tries: {dict(self.answered or self.made)}\n" + "\n".join(
            self.leaks[:40]
        )


async def asked(door: Door, who: str, rows: Iterable[tuple[Question, str]], tries: Tries) -> None:
    async with door.client(who) as client:
        for question, rid in rows:
            await tries.ask(client, who, question, rid)


async def fingerprint(owner: Direct, placer: UUID) -> dict[str, str]:
    """The rows of the victim in every table that names a placer or a space."""
    columns = await owner.fetch(
        "SELECT table_name::text, column_name::text FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name IN ('placer_id', 'space')"
        " AND table_name NOT LIKE '%\\_default' ORDER BY 1"
    )
    return {
        table: await owner.fetchval(
            f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"  # noqa: S608 - names that the database gives
            f" FROM {table} t WHERE {column} = $1",
            placer,
        )
        for table, column in columns
    }
