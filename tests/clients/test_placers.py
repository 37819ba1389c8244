"""Each placer is called with its own token, read from its file and again when it is refused."""

from pathlib import Path
from uuid import UUID

from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Placer, Systems, Tells
from service.clients.egress import Deadlines, Egress
from service.clients.placers import Placers
from tests.kit.lying_placer import LyingPlacer, serving

PATIENT = Identity(rtype="Patient", rid="1")


def a_placer(base: str, token_file: str, number: int = 1) -> Placer:
    return Placer(
        id=UUID(int=number),
        tenant=UUID(int=9),
        name="Northside",
        client="northside",
        base=base,
        internal=True,
        keeps=(),
        tells=Tells.POLL,
        systems=Systems(),
        token_file=token_file,
        rate=0,
        active=True,
    )


async def bearers(placers: Placers, server: LyingPlacer, *called: Placer) -> list[str]:
    for one in called:
        await placers.server(one).read(PATIENT)
    return [one.headers.get("authorization", "") for one in server.asked]


async def test_each_placer_has_its_own_token(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("first\n")
    (tmp_path / "two").write_text("second\n")
    placers = Placers(Egress(Deadlines()))
    async with serving(LyingPlacer()) as server:
        one = a_placer(server.base, str(tmp_path / "one"))
        two = a_placer(server.base, str(tmp_path / "two"), number=2)

        sent = await bearers(placers, server, one, two, a_placer(server.base, "", number=3))

        await placers.aclose()
    assert sent == ["Bearer first", "Bearer second", ""]


async def test_a_changed_token_is_read_when_the_old_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    placers = Placers(Egress(Deadlines()))
    async with serving(LyingPlacer()) as server:
        placer = a_placer(server.base, str(file))
        await bearers(placers, server, placer)
        file.write_text("new")

        renewed, same = placers.renew(placer), placers.renew(placer)
        sent = await bearers(placers, server, placer)

        await placers.aclose()
    assert (renewed, same) == (True, False)
    assert sent == ["Bearer old", "Bearer new"]


async def test_a_token_file_that_cannot_be_read_sends_no_token(tmp_path: Path) -> None:
    placers = Placers(Egress(Deadlines()))
    async with serving(LyingPlacer()) as server:
        placer = a_placer(server.base, str(tmp_path / "missing"))

        sent = await bearers(placers, server, placer)

        await placers.aclose()
    assert sent == [""]


async def test_searches_go_past_the_servers_own_cache() -> None:
    placers = Placers(Egress(Deadlines()))
    async with serving(LyingPlacer()) as server:
        client = placers.server(a_placer(server.base, ""))

        await client.search("Procedure", ("identifier", "a|b"))
        await client.read(PATIENT)

        await placers.aclose()
        assert {one.headers["cache-control"] for one in server.asked} == {"no-cache"}
