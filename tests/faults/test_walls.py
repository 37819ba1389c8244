"""What one placer or clinic has, no other learns: 2,000 tries by every road (SECURITY T29 to T34).

A try asks for something of the victim's and for something that never was; the two answers must be
equal, byte for byte, but for the date, the request's id and the id that was asked for.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import httpx2
import pytest

from fhir_mappings.terms.search_parameters import TABLE, Kind
from service.http.fhir.served import SERVED
from service.store.pool import Pool
from service.store.roles import Direct
from service.store.transaction import EVERY_PLACER, transaction
from tests.http.staff.test_booking import response
from tests.kit.database import Database
from tests.kit.definitions import Value
from tests.kit.door import FHIR, JSON, Door
from tests.kit.forms import PLAIN, a_resource
from tests.kit.referrals import a_payload, replaced, resource_of
from tests.kit.two_clinics import STRANGERS, VICTIM, TwoClinics, two_clinics

LEAST_TRIES = 2_000
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


@pytest.fixture
async def clinics(database: Database) -> AsyncGenerator[TwoClinics]:
    async with two_clinics(database) as both:
        yield both


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
    for kind in ("batch", "transaction"):
        entry = {"request": {"method": "GET", "url": one}}
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
        yield Question(road=kind, method="POST", path="", body=bundle)
    stale = {"if-match": f'W/"{version}"'}
    yield Question(road="If-Match", method="DELETE", path=one, headers=stale)


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


@pytest.mark.timeout(180)  # thousands of requests, on a machine that others use
async def test_t29_t30_t31_nothing_of_the_victim_is_told_by_any_road(
    clinics: TwoClinics, database: Database
) -> None:
    door, tries = clinics.door, Tries()
    async with database.as_owner() as owner:
        victims = await owned(owner, door.placer)
        mine = {row[:2] for row in await owned(owner, door.other)}
        before = await fingerprint(owner, door.placer)
    theirs = [row for row in victims if row[:2] not in mine and row[0] != "Slot"]
    reads = [(one, rid) for rtype, rid, vid in theirs for one in questions(rtype, vid)]
    acts = [(one, rid) for rtype, one in changes("123") for kind, rid, _ in theirs if kind == rtype]

    # a scheduler reads as a clinician does
    rows = {who: acts if who == "far-scheduler" else [*reads, *acts] for who in STRANGERS}
    await asyncio.gather(*(asked(door, who, rows[who], tries) for who in STRANGERS))

    async with database.as_owner() as owner:
        after = await fingerprint(owner, door.placer)
    print(tries)  # noqa: T201 - with -s: the count by road
    assert tries.leaks == [], str(tries)
    assert tries.made.total() >= LEAST_TRIES
    assert after == before


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


async def test_t31_a_foreign_id_and_a_foreign_identifier_are_free(clinics: TwoClinics) -> None:
    door, tries = clinics.door, Tries()
    system = "https://ehr.northside.example/victim"
    async with door.client("placer") as client:
        for rtype in PLAIN:
            body = a_resource(rtype, id=f"taken-{rtype}")
            body["identifier"] = _identified(rtype, system, f"taken-{rtype}")
            await client.put(f"/fhir/{rtype}/taken-{rtype}", json=body, headers=JSON)

    for who in ("other", "far-placer"):
        async with door.client(who) as client:
            for rtype in PLAIN:
                rid = f"taken-{rtype}"
                body = a_resource(rtype, identifier=_identified(rtype, system, "{id}"))
                unless = {"if-none-exist": f"identifier={system}|{{id}}"}
                for one in (
                    Question(
                        road="If-None-Exist", method="POST", path=rtype, headers=unless, body=body
                    ),
                    Question(
                        road="PUT",
                        method="PUT",
                        path=f"{rtype}/{{id}}",
                        body={**body, "id": "{id}"},
                    ),
                ):
                    made = await client.send(one.request(client, rid))
                    fresh = await client.send(one.request(client, never(rid)))
                    tries.made[one.road] += 1
                    if (made.status_code, made.headers["etag"]) != (201, 'W/"1"'):
                        tries.leaks.append(f"{who} {one.method} {one.path}: {made.status_code}")
                    if sorted(made.headers) != sorted(fresh.headers):
                        tries.leaks.append(f"{who} {one.method} {one.path}: headers")

    print(tries)  # noqa: T201 - with -s: the count by road
    assert tries.leaks == []


def _identified(rtype: str, system: str, value: str) -> Value:
    one = {"system": system, "value": value}
    return one if rtype in {"QuestionnaireResponse", "Composition"} else [one]


async def test_t30_every_search_finds_only_the_own_and_counts_only_the_own(
    clinics: TwoClinics, database: Database
) -> None:
    door, tries = clinics.door, Tries()
    async with database.as_owner() as owner:
        rows = await owner.fetch(
            "SELECT space, rtype, rid, body FROM resource WHERE NOT deleted AND tenant = ANY($1)",
            [door.world.tenant, clinics.far.tenant],
        )
        tenants = {
            who: clinics.far.tenant if who.startswith("far") else door.world.tenant
            for who in STRANGERS
        }
        counts = {
            who: {
                str(row["rtype"]): int(row["n"])
                for row in await owner.fetch(
                    "SELECT rtype, count(*) AS n FROM resource WHERE NOT deleted AND tenant = $1"
                    " AND (space = $2 OR $3 OR space = $4) GROUP BY 1",
                    tenants[who],
                    door.other if who == "other" else clinics.far_placer,
                    who in {"far-clinician", "far-scheduler"},
                    UUID(int=0),
                )
            }
            for who in STRANGERS
        }
    searches = sorted({one for row in rows if row["space"] == door.placer for one in found_by(row)})

    for who in STRANGERS:
        async with door.client(who) as client:
            for rtype, query in searches:
                answer = await client.get(f"/fhir/{rtype}?{query}&_total=accurate")
                tries.made[rtype] += 1
                total = answer.json().get("total", 0)
                if VICTIM in answer.text or total > counts[who].get(rtype, 0):
                    tries.leaks.append(f"{who} {rtype}?{query}: {total}")

    print(tries)  # noqa: T201 - with -s: the count by type
    assert tries.leaks == []
    assert len(searches) > len(PLAIN)


def found_by(row: Value) -> Iterator[tuple[str, str]]:
    """Searches by each parameter of the type, with what stands in one resource of the victim."""
    tree = json.loads(row["body"])
    if row["rtype"] not in SERVED or row["rtype"] == "Slot":
        return
    for name, parameter in TABLE.get(row["rtype"], {}).items():
        for path in parameter.paths:
            for value in _values(tree, path.split(".")):
                for text in _written(parameter.kind, value):
                    yield row["rtype"], f"{name}={text}"


def _values(node: Value, path: list[str]) -> Iterator[Value]:
    if type(node) is list:
        for each in cast("list[Value]", node):
            yield from _values(each, path)
    elif not path:
        yield node
    elif type(node) is dict and path[0] in node:
        yield from _values(node[path[0]], path[1:])


def _written(kind: Kind, value: Value) -> Iterator[str]:
    """A value of a resource as a search writes it."""
    match kind:
        case Kind.DATE:
            yield "ge1900-01-01"
        case Kind.REFERENCE:
            if "reference" in value:
                yield value["reference"]
        case Kind.IDENTIFIER:
            yield f"{value.get('system', '')}%7C{value['value']}"
        case Kind.TOKEN:
            concept = cast("Value", value) if type(value) is dict else {"coding": [{"code": value}]}
            for one in concept.get("coding", ()):
                code = one.get("code", "")
                yield f"{one['system']}%7C{code}" if "system" in one else str(code).lower()


# ------------------------------------------------------------------ row security alone


async def walled(owner: Direct) -> list[str]:
    rows = await owner.fetch(
        "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('tpi_app', c.oid, 'SELECT')"
        " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attname = 'tenant') ORDER BY 1"
    )
    return [str(row[0]) for row in rows]


async def seen(pool: Pool, table: str, tenant: UUID, placer: str) -> list[dict[str, Any]]:
    """Every row of a table, with no condition of ours: the settings alone decide."""
    async with transaction(pool, tenant=tenant, placer=placer) as conn:
        return [dict(row) for row in await conn.fetch(f"SELECT * FROM {table}")]  # noqa: S608 - of the list


def is_foreign(row: dict[str, Any], tenant: UUID, placer: str) -> bool:
    whose = row.get("placer_id") or row.get("space")
    own = {None, UUID(int=0), *([UUID(placer)] if placer != EVERY_PLACER else [])}
    return row["tenant"] != tenant or (placer != EVERY_PLACER and whose not in own)


async def test_t29_row_security_alone_shows_and_changes_nothing_of_another(
    clinics: TwoClinics, database: Database
) -> None:
    door = clinics.door
    who = [
        (door.world.tenant, str(door.other)),
        (clinics.far.tenant, str(clinics.far_placer)),
        (clinics.far.tenant, EVERY_PLACER),
        (clinics.far.tenant, str(door.placer)),
    ]
    async with database.as_owner() as owner:
        tables = await walled(owner)
        before = await fingerprint(owner, door.placer)
    foreign: list[str] = []
    shown = 0

    for tenant, placer in who:
        for table in tables:
            rows = await seen(door.deps.pool, table, tenant, placer)
            shown += len(rows)
            foreign += [table for row in rows if is_foreign(row, tenant, placer)]
            foreign += await _changed(door.deps.pool, table, tenant, placer, door.placer)
        async with transaction(door.deps.pool, tenant=tenant, placer=placer) as conn:
            for rtype in PLAIN:
                rids = await conn.fetch("SELECT * FROM rids_with($1, $2, '{}')", door.placer, rtype)
                foreign += [f"rids_with {rtype}"] * len(rids)

    async with database.as_owner() as owner:
        after = await fingerprint(owner, door.placer)
    assert shown > len(tables)
    assert foreign == []
    assert after == before


async def _changed(pool: Pool, table: str, tenant: UUID, placer: str, victim: UUID) -> list[str]:
    """Try to write a victim's rows by naming them; say the table where any could be."""
    async with transaction(pool, tenant=tenant, placer=placer) as conn:
        columns = {
            row[0]
            for row in await conn.fetch(
                "SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
                " WHERE c.relname = $1 AND a.attnum > 0"
                " AND has_table_privilege(current_user, c.oid, 'UPDATE')",
                table,
            )
        }
        column = next((one for one in ("placer_id", "space") if one in columns), "")
        if not column:
            return []
        done = await conn.execute(
            f"UPDATE {table} SET {column} = {column} WHERE {column} = $1",  # noqa: S608 - of the list
            victim,
        )
    return [] if done == "UPDATE 0" else [f"{table} {done}"]


async def test_t29_with_a_setting_missing_there_is_no_row(
    clinics: TwoClinics, database: Database
) -> None:
    door = clinics.door
    async with database.as_owner() as owner:
        tables = await walled(owner)
    settings = {"tenant": str(door.world.tenant), "placer": str(door.placer)}
    found: list[str] = []

    for missing in ("tenant", "placer", "both"):
        async with door.deps.pool.acquire() as conn:
            await conn.execute("BEGIN")
            for name, value in settings.items():
                if missing not in {name, "both"}:
                    await conn.execute("SELECT set_config($1, $2, true)", f"app.{name}", value)
            for table in tables:
                count = await conn.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - of the list
                found += [f"{table} without {missing}"] * bool(count)
            rids = await conn.fetch("SELECT * FROM rids_with($1, 'Patient', '{}')", door.placer)
            found += [f"rids_with without {missing}"] * bool(rids)
            await conn.execute("ROLLBACK")

    assert found == []
