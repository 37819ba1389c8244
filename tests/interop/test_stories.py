"""The demo's six stories against a placer that we did not write (INTEROP §2).

What is asserted stands at the placer, read by plain HTTP; what our worker believes counts nothing.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fhir_mappings.model.json import Tree
from fhir_mappings.terms import systems
from service.cli.scene import Ehr, Scene, scene
from service.loop import run, steps
from service.loop.cast import NotAsTold, Telling
from service.loop.look import each, resources, said
from service.settings import Settings
from service.store.embedded import Running
from tests.interop.rig import Medplum

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


@contextmanager
def a_loop(
    postgres: Running, medplum: Medplum, folder: Path, *, patience: float = 30.0
) -> Generator[Scene]:
    settings = Settings.model_validate({"database_url": postgres.url("postgres")})
    ehr = Ehr(base=medplum.base, token=medplum.token)
    with scene(
        settings, name=f"interop_{os.getpid()}", folder=folder, ehr=ehr, patience_seconds=patience
    ) as stands:
        yield stands


@pytest.fixture(autouse=True)
def _as_it_was(medplum: Medplum) -> Generator[None]:
    yield
    medplum.set(drop=[], refuse=[], transactions=True)


def the_clean_story(stands: Scene) -> Telling:
    telling = Telling(title="A clean referral", cast=stands.cast, hear=lambda _: None)
    run.clean_referral(telling)
    return telling


def visits_at(medplum: Medplum) -> list[str]:
    """Return the visit of every Procedure that we wrote there, by its identifier."""
    with medplum.server() as server:
        found = resources(server.get("Procedure?_count=1000").tree)
    return [
        said(key, "value")
        for one in found
        for key in each(one, "identifier")
        if said(key, "system") == systems.SID_VISIT
    ]


def test_all_six_stories_come_true(postgres: Running, medplum: Medplum, tmp_path: Path) -> None:
    told: list[str] = []

    with a_loop(postgres, medplum, tmp_path) as stands:
        tellings = run.tell_all(stands.cast, begin=told.append, hear=lambda _: None)

    visits = visits_at(medplum)
    assert len(told) == len(tellings) == 6
    assert all(telling.steps for telling in tellings)
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


def test_a_visit_of_eight_doses_is_one_procedure_and_eight_doses(
    postgres: Running, medplum: Medplum, tmp_path: Path
) -> None:
    # nine entries with ifNoneExist: this server refuses such a transaction as a whole
    with a_loop(postgres, medplum, tmp_path) as stands:
        cast = stands.cast
        telling = Telling(title="Eight doses", cast=cast, hear=lambda _: None)
        referred, appointment = run.booked_referral(telling, "clean-referral", "Eight")
        visit = str(cast.new_id())
        form = with_doses(run.visit_form(telling, referred, appointment, visit), 8)
        recorded = steps.perform(cast, form)
        done = steps.wait_here(cast, referred, "written-back", "the write-back is proven")
        procedures = steps.at_placer(cast, "Procedure", systems.SID_VISIT, visit)
        doses = [
            steps.at_placer(
                cast, "MedicationAdministration", systems.SID_VISIT_DOSE, f"{visit}.{n}"
            )
            for n in range(1, 9)
        ]

    assert (recorded.status, done.status) == (200, "completed")
    assert len(procedures) == 1
    assert [len(found) for found in doses] == [1] * 8
