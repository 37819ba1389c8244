"""The demo's six stories against a placer that we did not write (INTEROP §2).

What is asserted stands at the placer, read by plain HTTP; what our worker believes counts nothing.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from fhir_mappings.model.json import Tree, encode
from fhir_mappings.terms import systems
from service.cli.scene import Scene
from service.loop import run, steps
from service.loop.cast import NotAsTold, Telling
from service.loop.look import at, each, resources, said
from service.store.embedded import Running
from tests.interop.rig import Hapi, Medplum, Placer
from tests.interop.stories import Told, a_loop

MRN = "https://ehr.northside.example/mrn"
ORDER = "https://ehr.northside.example/order"

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _as_it_was(request: pytest.FixtureRequest) -> Generator[None]:
    names = {"medplum", "hapi"} & set(request.fixturenames)
    rigs: list[Placer] = [request.getfixturevalue(name) for name in names]
    yield
    for rig in rigs:
        rig.rest()


def the_clean_story(stands: Scene) -> Telling:
    telling = Telling(title="A clean referral", cast=stands.cast, hear=lambda _: None)
    run.clean_referral(telling)
    return telling


def visits_at(placer: Placer) -> list[str]:
    """Return the visit of every Procedure that we wrote there, by its identifier."""
    with placer.server() as server:
        found = resources(server.get("Procedure?_count=1000").tree)
    return [
        said(key, "value")
        for one in found
        for key in each(one, "identifier")
        if said(key, "system") == systems.SID_VISIT
    ]


def test_all_six_stories_come_true(placer: Placer, told: Told) -> None:
    visits = visits_at(placer)

    assert len(told.titles) == len(told.tellings) == 6
    assert all(telling.steps for telling in told.tellings)
    assert len(visits) == len(set(visits)) >= 1


def test_a_placer_without_transactions_gets_the_same_record(
    postgres: Running, medplum: Medplum, tmp_path: Path
) -> None:
    before = visits_at(medplum)
    medplum.set(transactions=False)

    with a_loop(postgres, medplum, tmp_path) as stands:
        telling = the_clean_story(stands)

    new = [one for one in visits_at(medplum) if one not in before]
    assert len(new) == 1
    assert "read back" in " ".join(step.sentence for step in telling.steps)


@pytest.mark.parametrize(
    "lost", ["Procedure.bodySite", "Procedure.note", "MedicationAdministration.dosage"]
)
def test_a_placer_that_loses_a_member_after_its_201_is_caught(
    postgres: Running, medplum: Medplum, tmp_path: Path, lost: str
) -> None:
    before = visits_at(medplum)
    medplum.set(drop=[lost])

    with (
        a_loop(postgres, medplum, tmp_path, patience=8) as stands,
        pytest.raises(NotAsTold, match="the write-back is proven"),
    ):
        the_clean_story(stands)

    assert len([one for one in visits_at(medplum) if one not in before]) == 1


def test_a_placer_that_takes_no_tasks_gets_the_record_all_the_same(
    postgres: Running, medplum: Medplum, tmp_path: Path
) -> None:
    before = visits_at(medplum)
    medplum.set(refuse=["Task"])

    with (
        a_loop(postgres, medplum, tmp_path, patience=15) as stands,
        pytest.raises(NotAsTold, match="the EHR finds Tasks"),
    ):
        the_clean_story(stands)

    assert len([one for one in visits_at(medplum) if one not in before]) == 1


def with_doses(form: Tree, count: int) -> Tree:
    """Return a visit form with that many doses, all alike."""
    procedure, dose = each(form, "entry")[:2]
    doses = [
        {**dose, "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{number:012d}"}
        for number in range(1, count + 1)
    ]
    return {**form, "entry": [procedure, *doses]}


def test_a_visit_of_eight_doses_stands_there_as_recorded_with_the_placers_own_references(
    postgres: Running, placer: Placer, tmp_path: Path
) -> None:
    # nine entries with ifNoneExist: Medplum refuses such a transaction as a whole
    with a_loop(postgres, placer, tmp_path) as stands:
        cast = stands.cast
        telling = Telling(title="Eight doses", cast=cast, hear=lambda _: None)
        referred, appointment = run.booked_referral(telling, "clean-referral", "Eight")
        visit = str(cast.new_id())
        form = with_doses(run.visit_form(telling, referred, appointment, visit), 8)
        recorded = steps.perform(cast, form)
        done = steps.wait_here(cast, referred, "written-back", "the write-back is proven")
        procedures = steps.at_placer(cast, "Procedure", systems.SID_VISIT, visit)
        own = steps.at_placer(cast, "Patient", MRN, f"MRN-{cast.run}-Eight")
        order = steps.at_placer(cast, "ServiceRequest", ORDER, f"ORD-{cast.run}-Eight")
        doses = [
            steps.at_placer(
                cast, "MedicationAdministration", systems.SID_VISIT_DOSE, f"{visit}.{n}"
            )
            for n in range(1, 9)
        ]

    assert (recorded.status, done.status) == (200, "completed")
    assert len(procedures) == 1
    assert [len(found) for found in doses] == [1] * 8
    sent = each(form, "entry")
    record, dose = procedures[0], doses[7][0]
    assert said(record, "subject", "reference") == f"Patient/{own[0]['id']}"
    assert said(record, "basedOn", 0, "reference") == f"ServiceRequest/{order[0]['id']}"
    assert record["bodySite"] == at(sent[0], "resource", "bodySite")
    assert said(record, "note", 0, "text").endswith(f"tpi-intake visit {visit}")
    assert said(dose, "partOf", 0, "reference") == f"Procedure/{record['id']}"
    assert at(dose, "dosage", "dose") == at(sent[8], "resource", "dosage", "dose")
    assert at(dose, "contained", 0, "batch") == at(sent[8], "resource", "contained", 0, "batch")


def visit_posts(hapi: Hapi) -> list[str]:
    """Return address and status of every POST of a visit: our worker's and the echoes'."""
    return [
        f"{one['url']} {one['status']}"
        for one in hapi.exchanges()
        if one["method"] == "POST"
        and one["url"] != "/Task"  # the copy names the visit too
        and systems.SID_VISIT in encode(one).decode()
    ]


def test_six_deliveries_of_one_visit_at_once_are_one_procedure(
    postgres: Running, hapi: Hapi, tmp_path: Path
) -> None:
    before = visits_at(hapi)
    posted = len(visit_posts(hapi))
    hapi.set(about='"transaction"', echo=5)

    with a_loop(postgres, hapi, tmp_path) as stands:
        the_clean_story(stands)

    statuses = visit_posts(hapi)[posted:]
    assert len(statuses) >= 6
    # who loses is HAPI's to say; that its losers get a 409 is shown in test_hapi_rig
    assert {one.split()[-1] for one in statuses} <= {"200", "201", "409"}
    assert len([one for one in visits_at(hapi) if one not in before]) == 1


def test_an_answer_lost_after_the_commit_is_searched_for_and_adopted(
    postgres: Running, hapi: Hapi, tmp_path: Path
) -> None:
    before = visits_at(hapi)
    posted = len(visit_posts(hapi))
    hapi.set(about='"transaction"', lose=1)

    # nothing is looked for again before HAPI's search cache is over (decide.ladder, 65 s)
    with a_loop(postgres, hapi, tmp_path, patience=150) as stands:
        the_clean_story(stands)

    assert visit_posts(hapi)[posted:] == [" 0"], "it was sent again though it stood there"
    assert len([one for one in visits_at(hapi) if one not in before]) == 1
