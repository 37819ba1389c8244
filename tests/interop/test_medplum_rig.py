"""The rig itself: a placer that we did not write answers as a placer on the wire does."""

from collections.abc import Iterator

import pytest

from fhir_mappings.model.json import Json, Tree
from service.clients.server import Server
from service.loop.look import each, said
from tests.interop.rig import Medplum

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


@pytest.fixture
def server(medplum: Medplum) -> Iterator[Server]:
    with medplum.server() as server:
        yield server
    medplum.rest()


def a_patient(value: str) -> Tree:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:rig:mrn", "value": value}],
        "gender": "female",
    }


def test_metadata_says_r4_and_what_is_served(server: Server) -> None:
    statement = server.get("metadata").tree

    assert statement["fhirVersion"] == "4.0.1"
    types = {said(row, "type") for row in each(statement, "rest", 0, "resource")}
    assert {"Task", "Procedure", "MedicationAdministration"} <= types


def test_a_stranger_without_the_token_is_refused(medplum: Medplum) -> None:
    with Server(medplum.base, "other", who="stranger", log=[]) as stranger:
        assert stranger.get("Patient").status == 401


def test_a_conditional_create_is_one_resource(server: Server) -> None:
    query = "identifier=urn:rig:mrn|conditional"

    first = server.post("Patient", a_patient("conditional"), {"If-None-Exist": query})
    again = server.post(f"Patient?{query}", a_patient("conditional"))

    assert (first.status, again.status) == (201, 200)
    assert first.location == again.location
    assert first.location.startswith(f"{server.base}/Patient/")
    assert first.etag


def test_a_stale_version_is_refused(server: Server) -> None:
    made = server.post("Patient", a_patient("stale")).tree

    refused = server.send(
        "PUT",
        f"Patient/{made['id']}",
        made,
        {"If-Match": 'W/"00000000-0000-0000-0000-000000000000"'},
    )

    assert refused.status == 412


def test_a_search_has_full_urls_and_a_next_page(server: Server) -> None:
    for _ in range(3):
        server.post("Patient", a_patient("page"))

    page = server.get("Patient?identifier=urn:rig:mrn%7Cpage&_count=2").tree

    assert [said(link, "relation") for link in each(page, "link")] == ["self", "next"]
    assert all(said(entry, "fullUrl").startswith(server.base) for entry in each(page, "entry"))


def test_a_transaction_beyond_its_eight_entries_is_refused_as_a_whole(server: Server) -> None:
    query = "identifier=urn:rig:mrn|nine"
    request: Tree = {"method": "POST", "url": "Patient", "ifNoneExist": query}
    entries: list[Json] = [{"resource": a_patient("nine"), "request": request} for _ in range(9)]
    bundle: Tree = {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    refused = server.post("", bundle)

    assert refused.status == 400
    assert server.get(f"Patient?{query}").tree["total"] == 0


def test_a_planted_fault_loses_the_member_after_its_201(medplum: Medplum, server: Server) -> None:
    medplum.set(drop=["Patient.gender"])

    made = server.post("Patient", a_patient("planted"))

    assert made.status == 201
    assert "gender" not in server.get(f"Patient/{made.tree['id']}").tree


def test_every_exchange_is_kept(medplum: Medplum, server: Server) -> None:
    server.post("Patient", a_patient("kept"))

    kept = medplum.exchanges()

    assert kept[-1]["url"] == "/Patient"
