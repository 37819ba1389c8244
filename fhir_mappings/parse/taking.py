"""A message that asks for a service, read as it stands in the placer's space.

Pure: what the database met is an argument, ids are given. The same message read again with the
identities of a standing referral says where each of its entries stands.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from fhir_mappings.model.json import Held, Identity, Tree, members, text
from fhir_mappings.model.placer import Placer
from fhir_mappings.model.referral import OrderKey
from fhir_mappings.parse import identities, referral
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.parse.identities import Known
from fhir_mappings.parse.references import references, rewrites, rewritten
from fhir_mappings.parse.referral import Asked
from fhir_mappings.problems import Code, Problem, refuse_any

_PRIORITIES = frozenset({"routine", "urgent", "asap", "stat"})


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """A message with the identity of each entry (by place) and its references as they are here.

    `fresh` are the identities that were made for this message; `brought` those that were said to
    stand when it was read.
    """

    entries: tuple[Entry, ...]
    asked: Asked
    identities: Mapping[int, Identity]
    reading: Mapping[int, Mapping[str, str]]
    said: Mapping[int, bytes]
    content: bytes
    key: OrderKey
    patient: Identity
    sources: Mapping[int, str]
    fresh: frozenset[Identity]
    brought: Mapping[int, Identity]

    @property
    def order(self) -> Identity:
        """Return the identity of the order."""
        return self.identities[self.asked.order.place]

    @property
    def brings_patient(self) -> Entry | None:
        """Return the entry of the patient, where the message brings it."""
        return next(
            (one for one in self.entries if self.identities[one.place] == self.patient), None
        )

    def tree(self, entry: Entry) -> Tree:
        """Return an entry's resource with its references as they are here."""
        return members(rewritten(entry.tree, self.reading.get(entry.place, {})))

    def held(self, entry: Entry, version: int) -> Held:
        """Return what a screening reads of an entry."""
        return Held(identity=self.identities[entry.place], version=version, tree=self.tree(entry))

    def outside(self) -> list[tuple[str, str]]:
        """Return the references that lead out of the message, as they are here, with their place.

        Contained ones, those by identifier alone, and what a Bundle inside calls its own lead
        nowhere else.
        """
        brought = {str(one) for one in self.identities.values()}
        found: list[tuple[str, str]] = []
        for entry in self.entries:
            here = self.reading.get(entry.place, {})
            for written, at in references(entry.tree, entry.at):
                target = here.get(written, written).partition("/_history/")[0]
                if not target.startswith(("#", "urn:")) and target not in brought:
                    found.append((target, at.removesuffix(".reference")))
        return found

    @property
    def stamp(self) -> datetime | None:
        """Return the moment that orders versions of the order."""
        return referral.stamp_of(self.asked.order.tree)

    @property
    def priority(self) -> str:
        """Return the order's priority, routine where it says none."""
        said = text(self.asked.order.tree, "priority")
        return said if said in _PRIORITIES else "routine"

    @property
    def on_hold(self) -> bool:
        """Tell whether the placer sent the order on hold."""
        return text(self.asked.order.tree, "status") == "on-hold"


def read(
    entries: Sequence[Entry],
    asked: Asked,
    known: Known,
    placer: Placer,
    *,
    base: str,
    new_rid: Callable[[], str],
    standing: Mapping[int, Identity],
    others_too: bool = False,
) -> Read:
    """Read a message as far as it is about one order.

    Args:
        entries: All entries of the transaction.
        asked: The order, and the Task that comes with it.
        known: What its conditions and persons met.
        placer: Who sent it: its base and identifier systems.
        base: Our public base.
        new_rid: Gives the id of a new resource.
        standing: Identities of entries that stand already: the order is held, or another order
            of the same message brought them.
        others_too: Whether data of another patient may come along: the screening then names
            them as unread (DECISIONS 22); in a transaction they refuse the whole.

    Raises:
        Refused: every fault of the message, all at once.
    """
    own = referral.part(entries, asked)
    given, problems = identities.assign(entries, known, new_rid)
    met = known.by_identity()
    fresh = {given[one.place] for one in entries if not one.rid} - met.keys()
    given |= standing
    reading, unread = rewrites(entries, given, known.single(), base=base)
    problems += unread
    problems += [
        Problem(Code.NOT_SUPPORTED, f"Bundle.entry[{one.place}].request")
        for one in entries
        if one.method not in (Method.POST, Method.PUT)
    ]
    refuse_any(problems)
    patient = referral.patient_of(asked.order, reading)
    if not others_too:
        refuse_any(referral.subject_faults(entries, reading, patient))
    said = referral.said(own, reading, given, lambda one: identities.is_stable(one, placer.systems))
    return Read(
        entries=own,
        asked=asked,
        identities=given,
        reading=reading,
        said=said.each,
        content=said.content,
        key=referral.key_of(
            asked.order, placer.systems, base=placer.base, said=said.each[asked.order.place]
        ),
        patient=patient,
        brought=standing,
        fresh=frozenset(fresh) & frozenset(given.values()),
        sources={one.place: referral.source_of(one, placer.base) for one in own},
    )
