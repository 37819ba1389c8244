"""A clinic as its file says: its organisation, rooms, people and schedules."""

import msgspec

from fhir_mappings.model.caller import Role
from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.window import Schedule


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of the clinic, to stand in its own space."""

    identity: Identity
    tree: Tree


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the clinic and what a token of theirs may carry.

    `practitioner` is the id of the Practitioner in the clinic's space. Someone whose roles are
    all inactive, or who has none, is not `active`: no token of theirs opens anything.
    """

    practitioner: str
    name: str
    roles: frozenset[Role]
    active: bool


class Clinic(msgspec.Struct, frozen=True, kw_only=True):
    """What `tpi clinic apply` takes; `zone` is the IANA zone of its first Schedule."""

    organization: str
    name: str
    zone: str
    parts: tuple[Part, ...]
    people: tuple[Person, ...]
    schedules: tuple[Schedule, ...]
