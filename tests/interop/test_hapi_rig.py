"""The rig itself: HAPI's JPA server behaves as HAPI does, and its wire plants what it is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fhir_mappings.model.json import Tree
from service.clients.server import Answer, Server, Unreachable
from service.loop.look import resources, said
from tests.interop.rig import Hapi

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]


@pytest.fixture
def server(hapi: Hapi) -> Iterator[Server]:
    with hapi.server() as server:
        yield server
    hapi.rest()


def a_patient(value: str) -> Tree:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:rig:mrn", "value": value}],
        "gender": "female",
    }


def a_procedure(patient: str, value: str) -> Tree:
    return {
        "resourceType": "Procedure",
        "identifier": [{"system": "urn:rig:visit", "value": value}],
        "status": "completed",
        "subject": {"reference": f"Patient/{patient}"},
    }


def test_metadata_says_r4(server: Server) -> None:
    # made anew for `no-cache`, which takes HAPI as long as the first time
    statement = server.send("GET", "metadata", None, {"Cache-Control": "max-age=60"}).tree

    assert statement["fhirVersion"] == "4.0.1"


def test_of_conditional_creates_at_once_one_wins_and_a_409_is_no_second_one(hapi: Hapi) -> None:
    def create(value: str) -> Answer:
        condition = {"If-None-Exist": f"identifier=urn:rig:mrn|{value}"}
        with hapi.server() as server:
            return server.post("Patient", a_patient(value), condition)

    seen: set[int] = set()
    for attempt in range(20):
        with ThreadPoolExecutor(6) as pool:
            statuses = [one.status for one in pool.map(create, [f"race-{attempt}"] * 6)]
        with hapi.server() as server:
            stand = server.get(f"Patient?identifier=urn:rig:mrn|race-{attempt}").tree
        assert statuses.count(201) == 1
        assert stand["total"] == 1
        seen |= set(statuses)
        if 409 in seen:
            break

    assert 409 in seen, "no create lost the race: is HAPI still what TRAPS says?"


def test_a_search_from_a_minute_ago_is_answered_unless_told_not_to(server: Server) -> None:
    query = "Patient?identifier=urn:rig:mrn%7Ccache"
    cached = {"Cache-Control": "max-age=60"}

    nothing = server.send("GET", query, None, cached).tree
    server.post("Patient", a_patient("cache"))
    still_nothing = server.send("GET", query, None, cached).tree
    now = server.get(query).tree

    assert (nothing["total"], still_nothing["total"], now["total"]) == (0, 0, 1)


def test_a_stale_version_is_a_409(server: Server) -> None:
    made = server.post("Patient", a_patient("stale")).tree
    path = f"Patient/{made['id']}"
    server.send("PUT", path, {**made, "gender": "male"}, {"If-Match": 'W/"1"'})

    refused = server.send("PUT", path, {**made, "gender": "other"}, {"If-Match": 'W/"1"'})

    assert refused.status == 409


def test_an_unknown_code_is_refused_and_a_reference_to_nothing_too(server: Server) -> None:
    patient = str(server.post("Patient", a_patient("codes")).tree["id"])

    bogus = server.post("Procedure", {**a_procedure(patient, "bogus"), "status": "bogus"})
    dangling = server.post("Procedure", a_procedure("nobody", "dangling"))

    assert (bogus.status, dangling.status) == (400, 400)


def test_an_answer_that_is_lost_was_committed_all_the_same(hapi: Hapi, server: Server) -> None:
    patient = str(server.post("Patient", a_patient("lost")).tree["id"])
    hapi.set(about="urn:rig:visit", lose=1)

    with pytest.raises(Unreachable):
        server.post("Procedure", a_procedure(patient, "lost"))
    stand = resources(server.get("Procedure?identifier=urn:rig:visit%7Clost").tree)

    assert [said(one, "status") for one in stand] == ["completed"]


def test_every_exchange_is_kept(hapi: Hapi, server: Server) -> None:
    server.post("Patient", a_patient("kept"))

    kept = hapi.exchanges()

    assert (kept[-1]["url"], kept[-1]["status"]) == ("/Patient", 201)
