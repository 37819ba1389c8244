"""What a screening reads, freed of FHIR's shapes: what entries say, when, and what is missing.

Nothing is judged here: excluded entries, odd codes and unreadable values stand as they are.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from fhir_mappings.model.when import Dated, Days


class Coding(msgspec.Struct, frozen=True, kw_only=True):
    """A code in the pack's normal form: aliases of systems resolved, spelling made equal."""

    system: str
    code: str
    display: str


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What an Observation or one of its components found.

    `number` is None where the value is no quantity. `unit_code` goes before `unit`. `codings`
    and `words` hold a coded, boolean or worded answer; `flag` a boolean one.
    """

    path: str
    shown: str
    number: Decimal | None = None
    comparator: str = ""
    unit_code: str = ""
    unit: str = ""
    codings: tuple[Coding, ...] = ()
    words: tuple[str, ...] = ()
    flag: bool | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One concept or text of an entry.

    `path` is its FHIRPath from the resource type. `place` is the path up to the medication or
    contained part: evidence of two rules at one place is the same evidence. `source` is the
    reference of the resource it was read from when that is another one. `value` is what an
    Observation says of it.
    """

    path: str
    place: str
    codings: tuple[Coding, ...] = ()
    texts: tuple[str, ...] = ()
    source: str = ""
    value: Value | None = None


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """When a medication is or was used.

    `end` holds whatever the status, `end_if_finished` only once it has ended. `supply_days` is
    what one prescription or dispense lasts, None where that is not told; `prescribed` says that
    it is a prescription or dispense at all, `handed_over` that it is a completed dispense.
    """

    start: Dated | None
    end: Dated | None
    end_if_finished: Dated | None
    supply_days: int | None
    prescribed: bool
    handed_over: bool


class Loose(msgspec.Struct, frozen=True, kw_only=True):
    """A reference that leads nowhere. `element` names it as checks of the pack do."""

    element: str
    path: str
    shown: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of the patient.

    `key` tells it apart: its reference, and for a contained one `#` and its id; `reference` and
    `version` are then those of its holder, and `root` its FHIRPath there, else its type.
    `said` holds the concepts and texts by element, `marks` the codes of plain elements: an
    element that is there without a code has an empty set, one that is absent no member. `dated`
    is the date that windows are tested by (for a medication its start), `noted` every date that
    says it was known. `abated` is the end of a condition: None when none is told, and
    `abated_undated` when it is told without a day. `loose` are its references that lead nowhere.
    """

    key: str
    reference: str
    version: int
    rtype: str
    root: str
    said: Mapping[str, tuple[Said, ...]]
    marks: Mapping[str, frozenset[str]]
    dated: Dated | None = None
    noted: tuple[Days, ...] = ()
    abated: Days | None = None
    abated_undated: bool = False
    use: Use | None = None
    loose: tuple[Loose, ...] = ()


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that must not be read as it stands, and the element that forbids it.

    That is a modifier extension, implicit rules, or a subject who is another person.
    """

    reference: str
    version: int
    path: str


class EmptyList(msgspec.Struct, frozen=True, kw_only=True):
    """A List resource that may say why it is empty: its codes and reasons, as bare codes."""

    reference: str
    rtype: str
    marks: Mapping[str, frozenset[str]]
    codes: frozenset[str]
    reasons: frozenset[str]


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """A language the patient prefers, as code or words."""

    path: str
    code: str


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """An extension of the patient; `denied` when its boolean value is false."""

    path: str
    url: str
    denied: bool


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The patient: birth date as the days it may be, administrative sex, languages, extensions."""

    reference: str
    version: int
    sex: str
    born: Dated | None
    marks: Mapping[str, frozenset[str]]
    preferred: tuple[Language, ...]
    extensions: tuple[Extension, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one screening reads.

    `occurs` are the days the order wishes for. `unread` are not among `entries`: nothing reads
    them, and nothing passes over them in silence. `entries` are sorted by their keys, so the
    order in which they came changes nothing.
    """

    order: Entry
    occurs: Days | None
    person: Person | None
    entries: tuple[Entry, ...]
    unread: tuple[Unread, ...]
    lists: tuple[EmptyList, ...]
