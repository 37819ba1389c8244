"""Carries one visit's record to a placer's server, step by step: look, send, read back.

Each step returns what is known afterwards; `decide.ladder` says which step is next. Nothing here
decides, waits or writes to the database.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from fhir_mappings.decide import ladder, unnamed
from fhir_mappings.decide.ladder import Progress, Reading, Send
from fhir_mappings.decide.proof import differing
from fhir_mappings.decide.unnamed import Recognised
from fhir_mappings.model.json import Identity, Tree, text
from fhir_mappings.model.visit import There
from fhir_mappings.model.writeback import Answer, Reply, Stood, Verdict, Way
from fhir_mappings.parse import readback
from fhir_mappings.render import procedure
from service.clients.fhir import FhirServer

Recognise: TypeAlias = Callable[[Mapping[str, Tree], Iterable[Tree]], Recognised]

_know = msgspec.structs.replace
_DAY: Final = timedelta(days=1)
_DATES: Final = MappingProxyType(
    {"Procedure": "date", "MedicationAdministration": "effective-time"}
)
_UNNAMED: Final[Mapping[str, Recognise]] = MappingProxyType(
    {"Procedure": unnamed.procedures, "MedicationAdministration": unnamed.doses}
)
"""How what lost our identifier is known, the Procedure first: doses name it."""


class Courier:
    """One visit on its way to one server.

    `stored` is our Procedure, then its doses, as our space holds them; `place` how that server
    knows what they refer to; `keeps` which must-keep members it stores, empty for all.
    """

    def __init__(
        self, server: FhirServer, stored: tuple[Tree, ...], place: There, keeps: tuple[str, ...]
    ) -> None:
        self._server = server
        self._stored = stored
        self._place = place
        self._keeps = keeps
        self._stored_by_value = {procedure.identifier_of(one)[1]: one for one in stored}
        self.stood: dict[str, Stood] = {}
        """What was read back and found equal, by our identifier value."""
        self.differences: tuple[str, ...] = ()
        """Members that stand there otherwise than they were sent."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """Name what has to stand there: our identifier values, the Procedure's first."""
        return tuple(self._stored_by_value)

    async def search(self, known: Progress, values: tuple[str, ...], now: datetime) -> Progress:
        """Look for each by our identifier; adopt what is found, the oldest where there are two.

        After a send whose outcome is not known also for what lost its identifier there.
        """
        known = _know(known, last=None)
        for value in values:
            known = await self._search_one(known, value, now)
            if known.last is not None:
                return known
        if known.sent_at is not None:
            for rtype, recognise in _UNNAMED.items():
                known = await self._search_unnamed(known, rtype, recognise, now)
                if known.last is not None:
                    return known
        return _know(known, searched=True)

    async def send(self, known: Progress, step: Send, now: datetime) -> Progress:
        """Send what the step names; `known.sent_at` was written down before."""
        trees = self._trees(known)
        if step.way is Way.TRANSACTION:
            reply = await self._server.transact(procedure.transaction(tuple(trees.values())))
            return self._after_transaction(known, reply, now)
        value = step.values[0]
        tree = trees[value]
        reply = await self._server.create(tree, unless=procedure.unless(tree))
        return self._after_create(known, value, reply, now)

    async def read_back(self, known: Progress, value: str, now: datetime) -> Progress:
        """Read one where the server says it stands, and compare it with what was sent."""
        rtype, _, rid = known.claimed[value].partition("/")
        wanted = Identity(rtype=rtype, rid=rid)
        reply = await self._server.read(wanted)
        said = _verdict(reply)
        if said is Verdict.ABSENT:
            return _read(known, value, Reading.ABSENT)
        if not isinstance(reply, Answer) or said is not Verdict.DONE:
            # a read that is refused proves nothing either way: it is tried again
            later = said if said is Verdict.DENIED else Verdict.LATER
            return _know(known, last=later, pause=ladder.pause(reply, now))
        if not readback.tree_of(reply):
            return _know(known, last=Verdict.LATER)  # a proxy's page, half an answer
        tree = readback.stands(reply, self._server.base, wanted)
        different = differing(self._trees(known)[value], tree, keeps=self._keeps)
        if different:
            self.differences += different
            return _read(known, value, Reading.DIFFERS)
        self.stood[value] = readback.stood(reply, tree, wanted)
        return _read(known, value, Reading.EQUAL)

    async def _search_one(self, known: Progress, value: str, now: datetime) -> Progress:
        tree = self._stored_by_value[value]
        rtype = text(tree, "resourceType")
        system, _ = procedure.identifier_of(tree)
        reply = await self._server.search(rtype, ("identifier", f"{system}|{value}"))
        said = _verdict(reply)
        if said in {Verdict.DENIED, Verdict.LATER}:
            return _know(known, last=said, pause=ladder.pause(reply, now))
        if said is Verdict.DONE and not readback.tree_of(reply):
            return _know(known, last=Verdict.LATER)  # a proxy's page
        base = self._server.base
        found = readback.found(reply, base, rtype, system=system, value=value)
        if said is not Verdict.DONE or found is None:
            return _know(known, honest=False)
        known = _know(known, honest=known.honest and found.honest)
        if not found.references:
            return known
        known = _claimed(known, {value: found.references[0]}, now)
        return _know(known, twins=known.twins or len(found.references) > 1)

    async def _search_unnamed(
        self, known: Progress, rtype: str, recognise: Recognise, now: datetime
    ) -> Progress:
        """Look through the patient's resources of that day; no look at them all is no search."""
        trees = self._trees(known)
        wanted = {
            value: trees[value]
            for value in known.missing
            if text(trees[value], "resourceType") == rtype
        }
        if not wanted:
            return known
        about = ("patient", self._place.subject)
        reply = await self._server.search(rtype, about, *_days_of(trees[self.wanted[0]], rtype))
        said = _verdict(reply)
        if said in {Verdict.DENIED, Verdict.LATER}:
            return _know(known, last=said, pause=ladder.pause(reply, now))
        if said is Verdict.DONE and not readback.tree_of(reply):
            return _know(known, last=Verdict.LATER)  # a proxy's page
        there = readback.every(reply, self._server.base, rtype)
        if said is not Verdict.DONE or there is None:
            return _know(known, honest=False)
        found = recognise(wanted, there)
        known = _know(
            known,
            twins=known.twins or found.twins,
            honest=known.honest and found.certain,
        )
        return _claimed(known, found.places, now) if found.places else known

    def _after_transaction(self, known: Progress, reply: Reply, now: datetime) -> Progress:
        unsupported = readback.not_supported(reply)
        if ladder.refused_as_a_whole(reply, not_supported=unsupported):
            return _know(known, way=Way.SINGLE, sent_at=None, searched=False)
        said = _verdict(reply, sending=True)
        if not isinstance(reply, Answer) or said is not Verdict.DONE:
            return _unsent(known, said, ladder.pause(reply, now))
        places = readback.transacted(reply, self._server.base)
        if len(places) != len(self.wanted):
            return _know(known, last=Verdict.UNKNOWN)  # 200, and no transaction's answer
        told = zip(self.wanted, self._stored, places, strict=True)
        return _claimed(
            _know(known, sent_at=None, searched=False),
            {
                value: str(place) if place and place.rtype == text(tree, "resourceType") else ""
                for value, tree, place in told
            },
            now,
        )

    def _after_create(self, known: Progress, value: str, reply: Reply, now: datetime) -> Progress:
        said = _verdict(reply, sending=True)
        if not isinstance(reply, Answer) or said is not Verdict.DONE:
            return _unsent(known, said, ladder.pause(reply, now))
        rtype = text(self._stored_by_value[value], "resourceType")
        place = readback.created(reply, self._server.base, rtype)
        known = _know(known, sent_at=None, searched=False)
        return _claimed(known, {value: str(place) if place else ""}, now)

    def _trees(self, known: Progress) -> dict[str, Tree]:
        """Build what that server is to hold; doses name the Procedure as it stands there."""
        first = known.claimed.get(self.wanted[0], "") or procedure.urn(self._stored[0])
        trees = procedure.there(self._stored, self._place, first)
        return dict(zip(self.wanted, trees, strict=True))


def _days_of(visit: Tree, rtype: str) -> list[tuple[str, str]]:
    """Narrow a search to the day of the visit and its neighbours, whatever zone a server reads."""
    told = text(visit, "performedPeriod", "start") or text(visit, "performedDateTime")
    if not told:
        return []
    day = datetime.fromisoformat(told).date()
    name = _DATES[rtype]
    return [(name, f"ge{day - _DAY}"), (name, f"le{day + _DAY}")]


def _verdict(reply: Reply, *, sending: bool = False) -> Verdict:
    return ladder.verdict(reply, not_supported=readback.not_supported(reply), sending=sending)


def _claimed(known: Progress, places: dict[str, str], now: datetime) -> Progress:
    return _know(
        known,
        claimed={**known.claimed, **places},
        claimed_at=known.claimed_at or now,
        last=None,
    )


def _unsent(known: Progress, said: Verdict, pause: timedelta) -> Progress:
    """A send that did not work: only an unknown outcome leaves the question open."""
    known = _know(known, last=said, pause=pause)
    if said is Verdict.UNKNOWN:
        return known
    conflicts = known.conflicts + (said is Verdict.CONFLICT)
    return _know(known, sent_at=None, searched=False, conflicts=conflicts)


def _read(known: Progress, value: str, reading: Reading) -> Progress:
    return _know(known, read={**known.read, value: reading}, last=None)
