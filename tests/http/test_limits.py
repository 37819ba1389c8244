"""How fast one caller may ask (SECURITY L11)."""

from uuid import UUID

import pytest

from fhir_mappings.model.caller import Caller
from service.http.limits import Budgets
from service.http.problems import Fault, Turned
from tests.kit.database import Database
from tests.kit.door import a_door

TENANT = UUID(int=1)


def a_client(number: int, rate: int = 0) -> Caller:
    return Caller(tenant=TENANT, zone="UTC", name="a", placer=UUID(int=number), rate=rate)


def test_a_burst_is_let_through_and_then_the_rate_counts() -> None:
    moment = [0.0]
    budgets = Budgets(per_second=2.0, burst=3, seconds=lambda: moment[0])
    for _ in range(3):
        budgets.spend(a_client(1))

    with pytest.raises(Turned) as away:
        budgets.spend(a_client(1))
    moment[0] = 0.5
    budgets.spend(a_client(1))

    assert away.value.fault is Fault.PACE
    assert away.value.headers["retry-after"] == "1"


def test_one_caller_never_spends_anothers_budget() -> None:
    budgets = Budgets(per_second=1.0, burst=1, seconds=lambda: 0.0)
    budgets.spend(a_client(1))

    budgets.spend(a_client(2))

    with pytest.raises(Turned):
        budgets.spend(a_client(1))


def test_a_rate_of_its_own_raises_the_burst_alike() -> None:
    budgets = Budgets(per_second=1.0, burst=2, seconds=lambda: 0.0)

    for _ in range(20):
        budgets.spend(a_client(1, rate=10))

    with pytest.raises(Turned):
        budgets.spend(a_client(1, rate=10))


async def test_beyond_the_budget_a_client_is_told_when_to_come_back(database: Database) -> None:
    async with (
        a_door(database, rate_per_second=1, burst=2) as door,
        door.client("placer") as client,
    ):
        answers = [await client.get("/fhir/Patient") for _ in range(3)]
        async with door.client("other") as other:
            elsewhere = await other.get("/fhir/Patient")

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert answers[2].json()["issue"][0]["code"] == "throttled"
    assert elsewhere.status_code == 200
