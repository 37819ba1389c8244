"""Which resource each entry of a message is here: one that stands, or a new one.

Source: FHIR R4 http.html (conditional interactions); PROTOCOL §2.1, §4.1 ("same person or body").
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Systems
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.parse.references import Condition
from fhir_mappings.parse.referral import person_keys
from fhir_mappings.problems import Code, Problem


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One living resource that a condition or an identifier met."""

    identity: Identity
    version: int
    updated_at: datetime
    fingerprint: bytes


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a message's conditions met, and which of its persons and bodies stand here already."""

    met: Mapping[Condition, tuple[Match, ...]]
    persons: Mapping[int, tuple[Match, ...]]

    def single(self) -> dict[Condition, Identity]:
        """Return the conditions that one resource meets."""
        return {one: found[0].identity for one, found in self.met.items() if len(found) == 1}

    def by_identity(self) -> dict[Identity, Match]:
        """Return every resource that was met."""
        return {
            one.identity: one
            for found in (*self.met.values(), *self.persons.values())
            for one in found
        }


def condition_of(entry: Entry) -> Condition | None:
    """Return the condition of an entry's own request."""
    if entry.condition and entry.method in (Method.POST, Method.PUT):
        return Condition(rtype=entry.rtype, query=entry.condition)
    return None


def is_stable(entry: Entry, registered: Systems) -> bool:
    """Tell whether an entry's identity here does not depend on the message that brings it."""
    return bool(entry.rid or entry.condition or person_keys(entry, registered))


def assign(
    entries: Sequence[Entry], known: Known, new_rid: Callable[[], str]
) -> tuple[dict[int, Identity], list[Problem]]:
    """Give each entry its identity, and find conditions that more than one resource meets."""
    identities: dict[int, Identity] = {}
    problems: list[Problem] = []
    for entry in entries:
        found = _found(entry, known)
        if len(found) > 1 and entry.condition:
            at = f"Bundle.entry[{entry.place}].request"
            problems.append(Problem(Code.CONDITION_MULTIPLE, at, entry.rtype))
        if entry.rid:
            identities[entry.place] = Identity(rtype=entry.rtype, rid=entry.rid)
        elif len(found) == 1:
            identities[entry.place] = found[0].identity
        else:
            identities[entry.place] = Identity(rtype=entry.rtype, rid=new_rid())
    return identities, problems


def _found(entry: Entry, known: Known) -> tuple[Match, ...]:
    condition = condition_of(entry)
    if condition:
        return known.met.get(condition, ())
    return known.persons.get(entry.place, ())


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of a standing referral, as far as an entry can be recognised in it."""

    identity: Identity
    fingerprint: bytes
    identifiers: frozenset[tuple[str, str]]


def recognised(
    entries: Iterable[Entry],
    said: Mapping[int, bytes],
    held: Iterable[Held],
    identifiers_of: Callable[[Entry], tuple[tuple[str, str], ...]],
) -> dict[int, Identity]:
    """Match the entries of a repeat or an amendment to what the referral holds.

    By fingerprint first (nothing changed), then by a shared identifier of the same type; each
    resource is one entry only. Source: PROTOCOL §4.2, "entries matched by identifier, else
    fingerprint".
    """
    left = {one.identity: one for one in held}
    found: dict[int, Identity] = {}
    waiting: list[Entry] = []
    for entry in entries:
        same = [
            one
            for one in left.values()
            if one.identity.rtype == entry.rtype and one.fingerprint == said[entry.place]
        ]
        if same:
            found[entry.place] = same[0].identity
            del left[same[0].identity]
        else:
            waiting.append(entry)
    for entry in waiting:
        own = set(identifiers_of(entry))
        shared = [
            one
            for one in left.values()
            if one.identity.rtype == entry.rtype and own & one.identifiers
        ]
        if len(shared) == 1:
            found[entry.place] = shared[0].identity
            del left[shared[0].identity]
    return found
