"""What one placer or clinic has, no other learns: 2,000 tries by every road (SECURITY T29 to T34).

A try asks for something of the victim's and for something that never was; the two answers must be
equal, byte for byte, but for the date, the request's id and the id that was asked for.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import cast
from uuid import UUID

import pytest

from fhir_mappings.terms.search_parameters import TABLE, Kind
from service.http.fhir.served import SERVED
from tests.kit.cross_reads import (
    Question,
    Tries,
    asked,
    changes,
    fingerprint,
    never,
    owned,
    questions,
)
from tests.kit.database import Database
from tests.kit.definitions import Value
from tests.kit.door import JSON
from tests.kit.forms import PLAIN, a_resource
from tests.kit.two_clinics import STRANGERS, VICTIM, TwoClinics, two_clinics

LEAST_TRIES = 2_000


@pytest.fixture
async def clinics(database: Database) -> AsyncGenerator[TwoClinics]:
    async with two_clinics(database) as both:
        yield both


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


async def test_t31_a_foreign_id_and_a_foreign_identifier_are_free(clinics: TwoClinics) -> None:
    door, tries = clinics.door, Tries()
    system = "https://ehr.northside.example/victim"
    async with door.client("placer") as client:
        for rtype in PLAIN:
            body = a_resource(rtype, id=f"taken-{rtype}")
            body["identifier"] = _identified(rtype, system, f"taken-{rtype}")
            await client.put(f"/fhir/{rtype}/taken-{rtype}", json=body, headers=JSON)
            body["identifier"] = _identified(rtype, system, f"second-taken-{rtype}")
            await client.post(f"/fhir/{rtype}", json=body, headers=JSON)

    for who in ("other", "far-placer"):
        async with door.client(who) as client:
            for rtype in PLAIN:
                rid = f"taken-{rtype}"
                for one in claims(rtype, system):
                    made = await client.send(one.request(client, rid))
                    fresh = await client.send(one.request(client, never(rid)))
                    tries.made[one.road] += 1
                    if (made.status_code, made.headers["etag"]) != (201, 'W/"1"'):
                        tries.leaks.append(f"{who} {one.method} {one.path}: {made.status_code}")
                    if sorted(made.headers) != sorted(fresh.headers):
                        tries.leaks.append(f"{who} {one.method} {one.path}: headers")

    print(tries)  # noqa: T201 - with -s: the count by road
    assert tries.leaks == []


def claims(rtype: str, system: str) -> Iterator[Question]:
    """Ways to take an id or an identifier for oneself; the second would find the first's."""
    body = a_resource(rtype, identifier=_identified(rtype, system, "{id}"))
    unless = {"if-none-exist": f"identifier={system}|{{id}}"}
    yield Question(road="If-None-Exist", method="POST", path=rtype, headers=unless, body=body)
    second = a_resource(rtype, identifier=_identified(rtype, system, "second-{id}"))
    query = f"{rtype}?identifier={system}%7Csecond-{{id}}"
    yield Question(road="conditional update", method="PUT", path=query, body=second)
    whole = {**body, "id": "{id}"}
    yield Question(road="PUT", method="PUT", path=f"{rtype}/{{id}}", body=whole)


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
