"""Wrong R4 with a known right answer: refused at its place; right R4, however odd, is taken.

The table by kind is printed (`-s`); every miss is listed by kind. Another seed draws other places
and values: `SEED` is the only die.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import UUID

import httpx2
import pytest

from fhir_mappings.model.json import encode
from fhir_mappings.model.placer import Placer, Tells
from fhir_mappings.parse import checks, guard
from fhir_mappings.parse import limits as extent
from fhir_mappings.parse.places import Fault
from fhir_mappings.parse.resource import judge
from fhir_mappings.parse.shape import Shape
from fhir_mappings.problems import MOST, TABLE, Code, Problem, Refused
from service.http.fhir.served import SERVED, Interaction
from service.http.problems import STATUS
from service.store.roles import Direct
from tests.kit.database import Database
from tests.kit.definitions import definitions
from tests.kit.door import JSON, NORTHSIDE, a_door
from tests.kit.forms import PLAIN
from tests.kit.message_mutations import messages, read_message
from tests.kit.mutations import CANARY, Case, Make, cases, spots, valid
from tests.kit.r4 import shape
from tests.kit.referrals import numbered
from tests.kit.right_r4 import RIGHT
from tests.kit.wrong_elements import ELEMENTS, contained_not_there, required_dropped
from tests.kit.wrong_json import JSON as WRONG_JSON
from tests.kit.wrong_json import huge_texts

SEED = 20261126
MAKES = (*ELEMENTS, *WRONG_JSON, *RIGHT)
PER_KIND = 260
LEAST_CASES = 5_000
LEAST_REFUSED = 0.99
PER_KIND_BY_HTTP = 12
LEAST_BY_HTTP = 300
BASE = "http://clinic.example/fhir"
PLACER = Placer(
    id=UUID(int=1),
    tenant=UUID(int=2),
    name="Northside",
    client="northside",
    base="",
    internal=False,
    keeps=(),
    tells=Tells.POLL,
    systems=NORTHSIDE,
    token_file="",
    rate=0,
    active=True,
)
Told = list[tuple[str, str]]
"""Code and place of each fault that was told."""


@dataclass
class Tally:
    """What was asked and answered, by kind, with every miss."""

    table: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict[str, Counter[str]](Counter)
    )
    missed: defaultdict[str, list[str]] = field(
        default_factory=lambda: defaultdict[str, list[str]](list)
    )

    def note(self, case: Case, told: Told, *, refused: bool, right: bool) -> None:
        row = self.table[case.kind]
        row["must be refused" if case.must_refuse else "must be taken"] += 1
        row["refused" if refused else "accepted"] += 1
        row["right" if right else "wrong"] += 1
        if not right:
            self.missed[case.kind].append(f"{case.what} at {case.place}: {told[:3]}")

    def of(self, column: str, *, demanded: str) -> int:
        return sum(row[column] for row in self.table.values() if row[demanded])

    @property
    def total(self) -> int:
        return sum(row["right"] + row["wrong"] for row in self.table.values())

    def __str__(self) -> str:
        head = f"{'kind':52}{'refused':>9}{'accepted':>9}{'right':>9}{'wrong':>9}"
        rows = [
            f"{kind:52}" + "".join(f"{row[one]:9}" for one in head.split()[1:])
            for kind, row in sorted(self.table.items())
        ]
        misses = [f"{kind}: {one}" for kind, each in self.missed.items() for one in each[:20]]
        return "\n".join([f"{self.total} cases, seed {SEED}", head, *rows, *misses])


def judged(case: Case) -> list[Problem]:
    try:
        if case.kind.startswith("message"):
            read_message(case.body, PLACER, BASE)
            return []
        return judge(guard.read(case.body), shape(), expect_type=case.rtype)
    except Refused as refused:
        return list(refused.problems)


def is_right(case: Case, problems: list[Problem]) -> bool:
    if not case.must_refuse:
        return not problems
    told = any(case.fits(one.code, one.expression) for one in problems)
    # a list that is full may have left the place out
    return (told or len(problems) == MOST) and CANARY not in "".join(map(repr, problems))


def test_wrong_r4_is_refused_at_its_place_and_right_r4_is_taken() -> None:
    tally = Tally()

    for case in chain(cases(SEED, MAKES, most=PER_KIND), messages(SEED)):
        problems = judged(case)
        told = [(one.code.value, one.expression) for one in problems]
        tally.note(case, told, refused=bool(problems), right=is_right(case, problems))

    print(tally)  # noqa: T201 - with -s: the table
    wrong = tally.of("must be refused", demanded="must be refused")
    assert tally.total >= LEAST_CASES
    assert tally.of("refused", demanded="must be refused") >= LEAST_REFUSED * wrong, str(tally)
    assert tally.of("refused", demanded="must be taken") == 0, str(tally)
    assert not tally.missed, str(tally)


def test_every_definition_is_mutated_in_some_resource() -> None:
    nowhere = set(definitions().complex) - set(spots())

    assert nowhere <= {"Element?"}, nowhere  # a twin in an array: mutated as Element
    assert all(judge(guard.read(encode(one)), shape()) == [] for one in valid())


@pytest.mark.parametrize(
    ("blind", "make"),
    [("shape", required_dropped), ("checks", contained_not_there), ("guard", huge_texts)],
)
def test_a_judge_that_is_blind_in_one_eye_is_caught(
    blind: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sees_nothing(*_: object) -> Iterator[Fault]:
        return iter(())

    def finds_all_plain(*_: object) -> bool:
        return True

    match blind:
        case "shape":
            monkeypatch.setattr(Shape, "found", sees_nothing)
        case "checks":
            monkeypatch.setattr(checks, "found", sees_nothing)
        case _:
            monkeypatch.setattr(extent, "is_plain", finds_all_plain)
    tally = Tally()

    for case in cases(SEED, (make,), most=15):
        problems = judged(case)
        tally.note(case, [], refused=bool(problems), right=is_right(case, problems))

    assert tally.missed


def by_http() -> Iterator[Case]:
    """A few cases of every kind that one request can bring, those of one type at its own door."""
    kinds: defaultdict[str, int] = defaultdict(int)
    for case in chain(cases(SEED + 1, MAKES, most=60), messages(SEED + 1)):
        offered = SERVED.get(case.rtype)
        is_message = case.kind.startswith("message")
        fits = case.rtype in PLAIN or (offered and Interaction.CREATE in offered.interactions)
        if is_message or (fits if case.must_refuse else case.rtype in PLAIN):
            kinds[case.kind] += 1
            if kinds[case.kind] <= PER_KIND_BY_HTTP:
                yield case


async def sent(client: httpx2.AsyncClient, case: Case, number: int) -> httpx2.Response:
    """Send it; a message that must be taken is another order each time."""
    if not case.kind.startswith("message"):
        return await client.post(f"/fhir/{case.rtype}", content=case.body, headers=JSON)
    if case.must_refuse:
        return await client.post("/fhir", content=case.body, headers=JSON)
    another = numbered(json.loads(case.body), f"{number}")
    return await client.post("/fhir", json=another, headers=JSON)


def faults(answer: httpx2.Response) -> Told:
    tree: dict[str, Any] = answer.json()
    return [
        (one["details"]["coding"][0]["code"], (one.get("expression") or [""])[0])
        for one in tree.get("issue", ())
    ]


def is_precise(case: Case, answer: httpx2.Response) -> bool:
    """Status of the fault's family, its code at its place, and no value of the sender."""
    if not case.must_refuse:
        return answer.status_code in {200, 201}
    statuses = {STATUS[TABLE[code].kind] for code in case.codes}
    told = faults(answer)
    placed = any(case.fits(Code(code), place) for code, place in told) or len(told) == MOST
    quiet = CANARY not in answer.text and CANARY not in str(answer.headers)
    is_outcome = answer.json()["resourceType"] == "OperationOutcome"
    return answer.status_code in statuses and placed and quiet and is_outcome


async def counting(owner: Direct) -> str:
    """The question how many rows each table has."""
    names = await owner.fetch(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return f"SELECT {', '.join(f'(SELECT count(*) FROM {one}) AS {one}' for (one,) in names)}"  # noqa: S608 - names of tables that the database gives


async def test_over_http_a_refusal_names_its_place_and_leaves_nothing_behind(
    database: Database,
) -> None:
    tally = Tally()

    async with (
        a_door(database) as door,
        door.client("placer") as client,
        database.as_owner() as owner,
    ):
        count = await counting(owner)
        before = await owner.fetchrow(count)
        for number, case in enumerate(by_http()):
            answer = await sent(client, case, number)
            after = await owner.fetchrow(count)
            assert answer.status_code < httpx2.codes.INTERNAL_SERVER_ERROR, case
            refused = answer.status_code >= httpx2.codes.BAD_REQUEST
            right = is_precise(case, answer) and (not refused or after == before)
            tally.note(case, faults(answer), refused=refused, right=right)
            before = after

    print(tally)  # noqa: T201 - with -s: the table
    assert tally.total >= LEAST_BY_HTTP
    assert not tally.missed, str(tally)
