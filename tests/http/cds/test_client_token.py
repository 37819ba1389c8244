"""An EHR proves itself by a token that it signed: for one address, for minutes, once."""

import asyncio
import base64
import io
import json
import warnings
from collections.abc import AsyncGenerator
from uuid import UUID

import httpx2
import pytest
from joserfc.jwk import ECKey, RSAKey
from msgspec.structs import replace

from fhir_mappings.problems import Code, Refused
from service import log
from service.flows.disable_placer import DisablePlacer, disable_placer
from service.flows.trust_client import TrustClient, trust_client
from tests.kit.clinic import NOW
from tests.kit.door import BASE, FHIR, Door
from tests.kit.ehr import (
    ISSUER,
    JSON,
    a_key,
    an_ehr,
    cards_of,
    order_sign,
    plain,
    public,
    token,
)
from tests.kit.lying_placer import Lie

EC, OTHER = a_key("k1"), a_key("k1")
RSA = RSAKey.generate_key(2048, {"kid": "r1"})
with warnings.catch_warnings(action="ignore"):
    SHORT = RSAKey.generate_key(1024, {"kid": "r1"})
JKU = "https://ehr.northside.example/jwks.json"


def forged(**header: object) -> str:
    """A token of our claims with a header and a signature of somebody's own."""
    parts = token(EC, NOW).split(".")
    told = {"typ": "JWT", "alg": "ES384", "kid": "k1", **header}
    return f"{_text(json.dumps(told))}.{parts[1]}.{parts[2]}"


def _text(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).rstrip(b"=").decode()


LATE = int(NOW.timestamp())
DOUBTED = {
    "unsigned": f"{_text(json.dumps({'typ': 'JWT', 'alg': 'none', 'kid': 'k1'}))}."
    f"{token(EC, NOW).split('.')[1]}.AA",
    "another key of the same id": token(OTHER, NOW),
    "a short RSA key": token(SHORT, NOW),
    "an unknown key": token(a_key("k9"), NOW),
    "ES384 told of an RSA key": forged(kid="r1"),
    "HS384": forged(alg="HS384"),
    "its own key in the header": forged(jwk=EC.as_dict(private=False)),
    "a certificate in the header": forged(x5u="https://evil.example/cert"),
    "critical members": forged(crit=["exp"]),
    "an address of keys that is not registered": token(EC, NOW, header={"jku": JKU}),
    "another type": token(EC, NOW, header={"typ": "at+jwt"}),
    "no key id": forged(kid=""),
    "a path for a key id": forged(kid="../../etc/passwd\u0000"),
    "another issuer": token(EC, NOW, iss="https://evil.example/"),
    "no issuer": token(EC, NOW, iss=None),
    "no audience": token(EC, NOW, aud=None),
    "another address": token(EC, NOW, path="/cds-services/tpi-order-sign"),
    "two audiences": token(EC, NOW, aud=[f"{BASE}/cds-services", "https://other.example"]),
    "an audience that begins alike": token(EC, NOW, aud=f"{BASE}/cds-services.evil.example"),
    "no end": token(EC, NOW, exp=None),
    "an end in words": token(EC, NOW, exp="soon"),
    "an end that is no integer": token(EC, NOW, exp=LATE + 100.5),
    "past": token(EC, NOW, exp=LATE - 31),
    "an hour to come": token(EC, NOW, exp=LATE + 3600),
    "a hundred years to come": token(EC, NOW, exp=LATE + 3_155_760_000),
    "no beginning": token(EC, NOW, iat=None),
    "made tomorrow": token(EC, NOW, iat=LATE + 86_400),
    "not yet": token(EC, NOW, nbf=LATE + 120),
    "no id": token(EC, NOW, jti=None),
    "an endless id": token(EC, NOW, jti="j" * 129),
    "an id with NUL": token(EC, NOW, jti="j\u0000"),
    "a changed claim": token(EC, NOW)[:-40] + "A" * 40,
    "two parts": ".".join(token(EC, NOW).split(".")[:2]),
    "no JSON": f"{_text('hello')}.{_text('world')}.AA",
    "a member twice": f"{_text(json.dumps({'typ': 'JWT', 'alg': 'ES384', 'kid': 'k1'}))}."
    f"{_text('{' + chr(34) + 'iss' + chr(34) + ':1,' + chr(34) + 'iss' + chr(34) + ':2}')}.AA",
}


@pytest.fixture
async def trusting(door: Door) -> AsyncGenerator[Door]:
    """The door of a clinic that trusts the EHR's two keys, given out of band."""
    await trusted(door, keys=json.dumps(public(EC, RSA)))
    yield door
    await door.deps.keys.aclose()


@pytest.fixture(scope="module")
async def doubting(shared: Door) -> Door:
    """The same, for tokens that leave no trace."""
    await trusted(shared, keys=json.dumps(public(EC, RSA)))
    return shared


async def trusted(
    door: Door,
    *,
    placer: UUID | None = None,
    issuer: str = ISSUER,
    jku: str = "",
    keys: str = "",
) -> None:
    command = TrustClient(placer=placer or door.placer, issuer=issuer, jku=jku, keys=keys)
    await trust_client(door.world.owner, door.world.service, command)


async def discovered(door: Door, jwt: str, path: str = "/cds-services") -> httpx2.Response:
    async with door.client(None) as client:
        return await client.get(path, headers={"authorization": f"Bearer {jwt}"})


@pytest.mark.parametrize("key", [EC, RSA], ids=["ES384", "RS384"])
async def test_a_signed_token_opens_the_address_it_was_made_for(
    trusting: Door, key: ECKey | RSAKey
) -> None:
    answer = await discovered(trusting, token(key, trusting.world.clock.at))

    assert answer.status_code == 200, answer.text


async def test_a_service_is_called_as_the_placer_whose_issuer_signed(trusting: Door) -> None:
    path = "/cds-services/tpi-order-sign"
    jwt = token(EC, trusting.world.clock.at, path=path, aud=[f"{BASE}{path}"])
    async with trusting.client(None) as client:
        answer = await client.post(
            path,
            content=json.dumps(order_sign(plain("active-infection"))),
            headers={**JSON, "authorization": f"Bearer {jwt}"},
        )

    placers = await trusting.world.owner.pool.fetch("SELECT DISTINCT placer_id FROM cds_card")
    assert cards_of(answer)
    assert [row["placer_id"] for row in placers] == [trusting.placer]


async def test_a_token_is_good_once_however_many_come_at_once(trusting: Door) -> None:
    jwt = token(EC, trusting.world.clock.at)

    answers = await asyncio.gather(*(discovered(trusting, jwt) for _ in range(8)))

    assert sorted(one.status_code for one in answers) == [200, *[401] * 7]


@pytest.mark.parametrize("name", DOUBTED)
async def test_a_token_that_proves_nothing_is_turned_away_in_one_sentence(
    doubting: Door, name: str
) -> None:
    stream = io.BytesIO()
    log.configure(service="tpi-test", version="0", stream=stream)

    answer = await discovered(doubting, DOUBTED[name])

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert [one["details"]["coding"][0]["code"] for one in answer.json()["issue"]] == ["token"]
    assert DOUBTED[name].split(".")[1].encode() not in stream.getvalue()
    used = await doubting.world.owner.pool.fetchval("SELECT count(*) FROM client_jti")
    assert used == 0


async def test_no_other_door_opens_to_a_signed_token(trusting: Door) -> None:
    jwt = token(EC, trusting.world.clock.at, aud=f"{FHIR}/Task")

    answer = await discovered(trusting, jwt, "/fhir/Task")

    assert answer.status_code == 401


async def test_a_placer_that_is_shut_out_proves_nothing_more(trusting: Door) -> None:
    await disable_placer(
        trusting.world.owner, trusting.world.service, DisablePlacer(placer=trusting.placer)
    )

    answer = await discovered(trusting, token(EC, trusting.world.clock.at))

    assert answer.status_code == 401


async def test_a_used_token_is_forgotten_when_it_could_not_come_back(trusting: Door) -> None:
    clock = trusting.world.clock
    first = await discovered(trusting, token(EC, clock.at, jti="one"))
    clock.forward(minutes=10)
    second = await discovered(trusting, token(EC, clock.at, jti="two"))

    kept = await trusting.world.owner.pool.fetch("SELECT jti FROM client_jti")
    assert (first.status_code, second.status_code) == (200, 200)
    assert [row["jti"] for row in kept] == ["two"]


async def test_keys_are_fetched_from_their_registered_address_and_kept(door: Door) -> None:
    await door.world.owner.pool.execute("UPDATE placer SET internal = true")
    async with an_ehr() as ehr:
        ehr.says["jwks.json"] = public(EC)
        jku = f"{ehr.base}/jwks.json"
        await trusted(door, jku=jku)
        now = door.world.clock.at

        with_jku = await discovered(door, token(EC, now, jti="a", header={"jku": jku}))
        without = await discovered(door, token(EC, now, jti="b"))
        unknown = [
            await discovered(door, token(a_key(f"x{at}"), now, jti=f"c{at}")) for at in range(5)
        ]

    await door.deps.keys.aclose()
    assert (with_jku.status_code, without.status_code) == (200, 200)
    assert {one.status_code for one in unknown} == {401}
    assert [one.path for one in ehr.asked] == ["/jwks.json"]
    assert "authorization" not in ehr.asked[0].headers


async def test_a_server_without_keys_is_asked_once_a_minute(door: Door) -> None:
    await door.world.owner.pool.execute("UPDATE placer SET internal = true")
    async with an_ehr() as ehr:
        await trusted(door, jku=f"{ehr.base}/jwks.json")
        now = door.world.clock.at

        at_once = await asyncio.gather(
            *(discovered(door, token(EC, now, jti=f"a{at}")) for at in range(6))
        )
        ehr.says["jwks.json"] = public(EC)
        soon = await discovered(door, token(EC, now, jti="b"))
        door.world.clock.forward(seconds=61)
        later = await discovered(door, token(EC, door.world.clock.at, jti="c"))

    await door.deps.keys.aclose()
    assert {one.status_code for one in [*at_once, soon]} == {401}
    assert later.status_code == 200
    assert len(ehr.asked) == 2


async def test_a_key_that_was_changed_is_taken_and_the_old_one_dies(door: Door) -> None:
    await door.world.owner.pool.execute("UPDATE placer SET internal = true")
    fresh = a_key("k2")
    async with an_ehr() as ehr:
        ehr.says["jwks.json"] = public(EC)
        await trusted(door, jku=f"{ehr.base}/jwks.json")
        await discovered(door, token(EC, door.world.clock.at, jti="a"))
        ehr.says["jwks.json"] = public(fresh)
        door.world.clock.forward(minutes=2)

        new = await discovered(door, token(fresh, door.world.clock.at, jti="b"))
        old = await discovered(door, token(EC, door.world.clock.at, jti="c"))

    await door.deps.keys.aclose()
    assert (new.status_code, old.status_code) == (200, 401)


async def test_keys_outlive_an_outage_of_their_server_by_an_hour(door: Door) -> None:
    await door.world.owner.pool.execute("UPDATE placer SET internal = true")
    async with an_ehr() as ehr:
        ehr.says["jwks.json"] = public(EC)
        await trusted(door, jku=f"{ehr.base}/jwks.json")
        await discovered(door, token(EC, door.world.clock.at, jti="a"))
        ehr.lies.append(Lie("status"))
        door.world.clock.forward(minutes=30)
        within = await discovered(door, token(EC, door.world.clock.at, jti="b"))
        door.world.clock.forward(minutes=31)
        after = await discovered(door, token(EC, door.world.clock.at, jti="c"))

    await door.deps.keys.aclose()
    assert (within.status_code, after.status_code) == (200, 401)


USELESS: dict[str, object] = {
    "empty": {"keys": []},
    "for encryption": {"keys": [{**EC.as_dict(private=False), "use": "enc"}]},
    "for another algorithm": {"keys": [{**EC.as_dict(private=False), "alg": "ES256"}]},
    "the same id twice": {"keys": [EC.as_dict(private=False)] * 2},
    "too many": {"keys": [EC.as_dict(private=False)] * 21},
    "symmetric": {"keys": [{"kty": "oct", "kid": "k1", "k": "AAAA"}]},
    "no point of the curve": {
        "keys": [{"kty": "EC", "crv": "P-384", "kid": "k1", "x": "AA", "y": "AA"}]
    },
    "a page": b"<html>maintenance</html>",
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
async def test_a_key_set_that_proves_nothing_lets_nobody_in(shared: Door, answer: object) -> None:
    await shared.world.owner.pool.execute(
        "UPDATE placer SET internal = true WHERE id = $1", shared.placer
    )
    async with an_ehr() as ehr:
        ehr.says["jwks.json"] = answer
        await trusted(shared, issuer=ehr.base, jku=f"{ehr.base}/jwks.json")

        seen = await discovered(shared, token(EC, NOW, iss=ehr.base))

    await shared.deps.keys.aclose()
    assert seen.status_code == 401


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"issuer": "  ", "jku": JKU}, Code.VALUE_FORMAT),
        ({}, Code.VALUE_FORMAT),
        ({"jku": JKU, "keys": json.dumps(public(EC))}, Code.VALUE_FORMAT),
        ({"jku": "http://ehr.northside.example/jwks.json"}, Code.VALUE_FORMAT),
        ({"jku": f"{JKU}?a=b"}, Code.VALUE_FORMAT),
        ({"jku": "https://user@ehr.example/jwks.json"}, Code.VALUE_FORMAT),
        ({"jku": "file:///etc/passwd"}, Code.VALUE_FORMAT),
        ({"keys": "{}"}, Code.VALUE_FORMAT),
        ({"keys": json.dumps(public(SHORT))}, Code.VALUE_FORMAT),
    ],
)
async def test_what_cannot_be_trusted_is_refused_at_registration(
    shared: Door, said: dict[str, str], code: Code
) -> None:
    command = replace(TrustClient(placer=shared.other, issuer=ISSUER), **said)

    with pytest.raises(Refused) as refused:
        await trust_client(shared.world.owner, shared.world.service, command)

    assert [one.code for one in refused.value.problems] == [code]


async def test_an_issuer_speaks_for_one_placer(door: Door) -> None:
    await trusted(door, jku=JKU)
    await trusted(door, jku=f"{JKU}.new")

    with pytest.raises(Refused) as refused:
        await trusted(door, placer=door.other, jku=JKU)

    assert [one.code for one in refused.value.problems] == [Code.ISSUER_KNOWN]
