"""Who asks (DECISIONS 24): a bearer token in the header, known, not expired, not revoked."""

import pytest

from service.flows.disable_placer import DisablePlacer, disable_placer
from service.http.identity import REMEMBER_SECONDS, Identity
from service.http.problems import Turned
from tests.kit.door import Door

CHALLENGE = 'Bearer realm="tpi-intake"'


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer short", "Basic dXNlcjpwYXNz", "Bearer a b"],
)  # fmt: skip
async def test_without_a_token_nothing_answers(shared: Door, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}

    async with shared.client(None) as client:
        answer = await client.get("/fhir/Patient", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.json()["issue"][0]["code"] == "login"


async def test_an_unknown_token_is_told_that_it_is_not_valid(shared: Door) -> None:
    async with shared.client(None) as client:
        answer = await client.get(
            "/fhir/Patient", headers={"authorization": "Bearer tpi_unknown_token_0123456789"}
        )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == f'{CHALLENGE}, error="invalid_token"'


async def test_a_token_in_the_address_opens_nothing(shared: Door) -> None:
    async with shared.client(None) as client:
        answer = await client.get(f"/fhir/Patient?access_token={shared.tokens['placer']}")

    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/.well-known/smart-configuration"])
async def test_what_a_client_reads_before_it_has_a_token_is_public(shared: Door, path: str) -> None:
    async with shared.client(None) as client:
        answer = await client.get(path)

    assert answer.status_code == 200


async def test_an_expired_token_opens_nothing(door: Door) -> None:
    door.world.clock.forward(days=30, seconds=1)

    async with door.client("placer") as client:
        answer = await client.get("/fhir/Patient")

    assert answer.status_code == 401


async def test_a_caller_is_remembered_for_five_seconds_and_no_longer(door: Door) -> None:
    moment = [0.0]
    identity = Identity(door.deps, lambda: moment[0])
    bearer = f"Bearer {door.tokens['placer']}"
    known = await identity.caller(bearer)

    await disable_placer(door.world.owner, door.world.service, DisablePlacer(placer=door.placer))
    moment[0] = REMEMBER_SECONDS - 0.1
    still = await identity.caller(bearer)
    moment[0] = REMEMBER_SECONDS + 0.1
    with pytest.raises(Turned):
        await identity.caller(bearer)

    assert known.placer == still.placer == door.placer
