"""An EHR's server, read with the token that one hook call lent us, for that call alone."""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from fhir_mappings.model.hooks import PREFETCH, Given, HookCall
from fhir_mappings.model.json import Held, Identity
from fhir_mappings.model.placer import Placer
from fhir_mappings.model.writeback import Answer
from fhir_mappings.parse import cds_data, readback
from service.clients.egress import Deadlines, Door, Egress
from service.clients.fhir import FhirServer
from service.settings import Settings

LookedUp: TypeAlias = tuple[Given, tuple[Held, ...]]

_PAGE: Final = "100"
_OK: Final = 200
_A_SECOND: Final = 50.0
"""A call's look-ups start at once: an even row of L10's ten a second would eat its half second."""


class Desk:
    """The way to the EHRs that call us, apart from that of the deliveries to them."""

    def __init__(self, egress: Egress) -> None:
        """Keep the way out."""
        self._egress = egress

    async def look_up(
        self, placer: Placer, call: HookCall, codes: Sequence[str], *, until: float
    ) -> Mapping[str, LookedUp]:
        """Look up what the call did not give, as far as it lets us and there is time.

        Only at the placer's registered base, only where the call names just that base, and with
        the token of the call (SECURITY T14, A16). `codes` are those of the observations to ask
        for; `until` is a moment of the event loop's clock.
        """
        base = placer.base.rstrip("/")
        if not base or not call.token or call.server != base:
            return {}
        door = Door(placer=placer.id, base=base, internal=placer.internal, token=call.token)
        server = FhirServer(self._egress, door)
        wanted = [key for key, given in call.given.items() if given is Given.ABSENT]
        found = [_in_time(_answer(server, key, call.patient, codes), until) for key in wanted]
        return dict(zip(wanted, await asyncio.gather(*found), strict=True))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._egress.aclose()


def limits(settings: Settings) -> Deadlines:
    """Return what one call may take (L28): no look-up outlives the answer."""
    return Deadlines(
        connect_seconds=settings.cds_seconds,
        read_seconds=settings.cds_seconds,
        total_seconds=settings.cds_seconds,
        answer_bytes=settings.placer_answer_bytes,
        calls=len(PREFETCH),
        calls_all=settings.placer_calls_all,
        calls_per_second=_A_SECOND,
    )


async def _in_time(answer: Awaitable[LookedUp], until: float) -> LookedUp:
    try:
        async with asyncio.timeout_at(until):
            return await answer
    except TimeoutError:
        return Given.FAILED, ()


async def _answer(server: FhirServer, key: str, patient: str, codes: Sequence[str]) -> LookedUp:
    rtype = PREFETCH[key]
    if rtype == "Patient":
        reply = await server.read(Identity(rtype=rtype, rid=patient))
    else:
        reply = await server.search(rtype, *_query(rtype, patient, codes))
    tree = readback.tree_of(reply)
    if not isinstance(reply, Answer) or reply.status != _OK or not tree:
        return Given.FAILED, ()
    return cds_data.answered(key, tree), cds_data.held(key, tree, patient)


def _query(rtype: str, patient: str, codes: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "patient", patient
    if rtype == "Observation":
        yield "code", ",".join(codes)
        yield "_sort", "-date"
    yield "_count", _PAGE
