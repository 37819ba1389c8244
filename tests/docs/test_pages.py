"""Every command of the README and the guides is run, and prints what the page says it prints."""

import os
import re
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.cli.processes import Process, free_port
from service.settings import child_environment
from service.store.embedded import Running
from tests.docs.pages import ROOT, alike, blocks, follow
from tests.docs.settings_table import table
from tests.kit.database import Database

README = ROOT / "README.md"
GUIDES = ROOT / "docs" / "guides"
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))
PAGES = [README, *sorted(GUIDES.glob("*.md"))]

pytestmark = pytest.mark.timeout(240)
needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="the pages' commands use curl: apt-get install curl"
)


@dataclass(frozen=True)
class Dev:
    """`make dev` while it stays up: its folder, and what it printed until then."""

    folder: Path
    printed: str


@pytest.fixture(scope="module")
def dev(postgres: Running, tmp_path_factory: pytest.TempPathFactory) -> Generator[Dev]:
    folder = tmp_path_factory.mktemp("dev")
    arguments = [
        "demo",
        "--stay",
        "--name",
        f"docs_{os.getpid()}",
        "--folder",
        str(folder),
        "--plain",
    ]
    environment = {"DATABASE_URL": postgres.url("postgres"), "NO_COLOR": "1"}
    logs = tmp_path_factory.mktemp("log")
    with Process("dev", arguments, environment=environment, folder=logs) as process:
        process.wait_until((folder / "env").is_file, seconds=120)
        yield Dev(folder=folder, printed=process.log.read_text(encoding="utf-8"))


@needs_curl
def test_the_first_referral_by_hand_goes_all_the_way(dev: Dev) -> None:
    page = GUIDES / "first-referral.md"

    followed = follow(page, places={"build/demo": str(dev.folder)}, environment=child_environment())

    assert [one.printed for one, seen in followed if not alike(one.printed or seen, seen)] == []


@needs_curl
def test_a_clinic_is_set_up_and_run_as_the_guide_says(database: Database, tmp_path: Path) -> None:
    door, ops = free_port(), free_port()
    environment = child_environment(
        DATABASE_URL=database.urls.owner,
        TPI_PORT=str(door),
        TPI_OPS_PORT=str(ops),
        TPI_PUBLIC_URL=f"http://127.0.0.1:{door}",
    )
    places = {"build/": f"{tmp_path}/", ":8080": f":{door}", ":8081": f":{ops}"}

    followed = follow(GUIDES / "run-a-clinic.md", places=places, environment=environment)

    assert [one.printed for one, seen in followed if not alike(one.printed or seen, seen)] == []


def test_a_pack_of_a_clinics_own_works_as_the_guide_says(
    database: Database, tmp_path: Path
) -> None:
    environment = child_environment(DATABASE_URL=database.urls.owner, NO_COLOR="1")

    followed = follow(
        GUIDES / "own-pack.md", places={"build/": f"{tmp_path}/"}, environment=environment
    )

    assert [one.printed for one, seen in followed if not alike(one.printed or seen, seen)] == []


@needs_curl
def test_an_ehr_asks_for_advice_as_the_guide_says(database: Database, tmp_path: Path) -> None:
    door, ops = free_port(), free_port()
    environment = child_environment(
        DATABASE_URL=database.urls.owner,
        TPI_PORT=str(door),
        TPI_OPS_PORT=str(ops),
        TPI_CDS_SECONDS="30",
        TPI_PUBLIC_URL=f"http://127.0.0.1:{door}",
    )
    places = {"build/": f"{tmp_path}/", ":8080": f":{door}", ":8081": f":{ops}"}

    followed = follow(GUIDES / "cds-hooks.md", places=places, environment=environment)

    assert [one.printed for one, seen in followed if not alike(one.printed or seen, seen)] == []


@needs_curl
def test_the_readmes_commands_do_what_it_says(dev: Dev) -> None:
    followed = follow(
        README, places={"build/demo": str(dev.folder)}, environment=child_environment()
    )

    assert [one.printed for one, seen in followed if not alike(one.printed or seen, seen)] == []


def test_the_readme_shows_the_demos_real_output(dev: Dev) -> None:
    told = next(one.printed for one in blocks(README) if one.targets == ["demo"] and one.printed)

    stories = [line for line in dev.printed.splitlines() if line.startswith("  ✓ ")]
    wanted = [line for line in told.splitlines() if line.startswith("  ✓ ")]
    assert alike("\n".join(wanted), "\n".join(stories))


def test_every_target_that_a_page_names_is_one_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))

    named = {target for page in PAGES for one in blocks(page) for target in one.targets}

    assert {"demo", "dev", "test"} <= named <= known


def test_make_demo_is_the_command_that_these_tests_run() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.search(r"^demo:.*\n\t\$\(BIN\)/tpi demo$", makefile, re.MULTILINE)
    assert re.search(r"^dev:.*\n\t\$\(BIN\)/tpi demo --stay$", makefile, re.MULTILINE)


def test_the_page_of_settings_is_that_of_the_class() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")

    assert page == table(), "python -m tests.docs.settings_table > docs/reference/settings.md"


def test_the_settings_of_the_readme_are_rows_of_that_page() -> None:
    rows = [line for line in README.read_text().splitlines() if re.match(r"\| `[A-Z_]+` \|", line)]

    assert rows
    assert set(rows) <= set(table().splitlines())


def test_every_limit_that_a_setting_names_has_its_row() -> None:
    limits = (ROOT / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")

    named = set(re.findall(r"\bL\d\d\b", table()))

    assert named <= set(re.findall(r"^\| (L\d\d) \|", limits, re.MULTILINE))


def test_links_between_pages_lead_somewhere() -> None:
    lost = [
        (page.name, target)
        for page in [*PAGES, *(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *REFERENCE]
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]

    assert lost == []
