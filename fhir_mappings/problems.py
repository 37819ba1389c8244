"""Why a request cannot be honoured: one table of codes, each with kind, sentence and repair.

A refusal is for requests, never for patients: a contraindication is a finding. The text of a
problem never holds a value of the sender; `context` comes from closed sets (types, limits,
versions). `service.http.problems` says which status a kind becomes.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec


class Kind(StrEnum):
    """The eight families of refusal, weakest precedence last where faults are mixed."""

    TOO_BIG = "too-big"
    MALFORMED = "malformed"
    FORBIDDEN = "forbidden"
    UNPROCESSABLE = "unprocessable"
    STALE = "stale"
    CONFLICT = "conflict"
    ABSENT = "absent"
    UNAVAILABLE = "unavailable"


class Row(NamedTuple):
    """What a code means: its family, FHIR issue type, and the two sentences people read."""

    kind: Kind
    issue: str
    sentence: str
    repair: str


class Code(StrEnum):
    """Every problem we can tell, by its stable code (PROTOCOL §10 `problem`)."""

    # the body cannot be read
    BODY_TOO_LARGE = "body-too-large"
    TOO_COSTLY = "too-costly"
    TOO_MANY_ENTRIES = "too-many-entries"
    ATTACHMENT_TOO_LARGE = "attachment-too-large"
    NOT_JSON = "not-json"
    NOT_UTF8 = "not-utf8"
    TOO_DEEP = "too-deep"
    DUPLICATE_MEMBER = "duplicate-member"
    NUMBER_RANGE = "number-range"
    TEXT_CHARACTERS = "text-characters"
    TEXT_TOO_LONG = "text-too-long"
    ARRAY_TOO_LONG = "array-too-long"
    # it is not FHIR R4
    UNKNOWN_TYPE = "unknown-type"
    WRONG_TYPE = "wrong-type"
    UNKNOWN_ELEMENT = "unknown-element"
    REQUIRED = "required"
    CARDINALITY = "cardinality"
    VALUE_TYPE = "value-type"
    VALUE_FORMAT = "value-format"
    REQUIRED_BINDING = "required-binding"
    EMPTY_VALUE = "empty-value"
    CHOICE = "choice"
    PRIMITIVE_PAIRING = "primitive-pairing"
    NOT_A_DATE = "not-a-date"
    INVARIANT = "invariant"
    REFERENCE_TYPE = "reference-type"
    CONTAINED_NOT_FOUND = "contained-not-found"
    ID_DIFFERS = "id-differs"
    ID_FORM = "id-form"
    # the Bundle is wrong
    BUNDLE_TYPE = "bundle-type"
    DUPLICATE_IDENTITY = "duplicate-identity"
    REQUEST_FORM = "request-form"
    # the search or the headers are wrong
    UNKNOWN_PARAMETER = "unknown-parameter"
    PARAMETER_VALUE = "parameter-value"
    VERSION_NEEDED = "version-needed"
    VERSION_FORM = "version-form"
    PARAMETERS_FORM = "parameters-form"
    KEY_FORM = "key-form"
    WHICH_PLACER = "which-placer"
    # not allowed
    ROLE = "role"
    RESERVED = "reserved"
    # not there
    NOT_FOUND = "not-found"
    NOT_SUPPORTED_TYPE = "not-supported-type"
    # readable, but not something we can honour
    TWO_SUBJECTS = "two-subjects"
    OTHER_PATIENTS_DATA = "other-patients-data"
    TWO_FLOWS = "two-flows"
    TWO_TASKS = "two-tasks"
    SUBJECT_NOT_FOUND = "subject-not-found"
    SUBJECT_TYPE = "subject-type"
    FOCUS_NOT_FOUND = "focus-not-found"
    REFERENCE_NOT_FOUND = "reference-not-found"
    NO_ORDER = "no-order"
    ORDER_STATUS = "order-status"
    ORDER_INTENT = "order-intent"
    ORDER_NOT_TO_PERFORM = "order-not-to-perform"
    MODIFIER_EXTENSION = "modifier-extension"
    IMPLICIT_RULES = "implicit-rules"
    NOT_SUPPORTED = "not-supported"
    FIELD_NOT_YOURS = "field-not-yours"
    EXPIRED_LOT = "expired-lot"
    BAD_WINDOW = "bad-window"
    BAD_DATE = "bad-date"
    REASON_NEEDED = "reason-needed"
    OVERRIDE_NEEDED = "override-needed"
    ANSWER_FORM = "answer-form"
    VISIT_FORM = "visit-form"
    PACK = "pack"
    KEY_REUSED = "key-reused"
    CLINIC_FORM = "clinic-form"
    # another version, another state
    STALE = "stale"
    CONDITION_MULTIPLE = "condition-multiple"
    CONDITION_NONE = "condition-none"
    STAGE = "stage"
    FINDING_OPEN = "finding-open"
    FINDING_CHANGED = "finding-changed"
    TOO_LATE = "too-late"
    OLDER = "older"
    OTHER_SUBJECT = "other-subject"
    WINDOW_TAKEN = "window-taken"
    WINDOW_IN_USE = "window-in-use"
    PATIENT_BOOKED = "patient-booked"
    SCHEDULE_OVERLAP = "schedule-overlap"
    NONE_OFFERED = "none-offered"
    KEY_RUNNING = "key-running"
    NEXT_FREE = "next-free"
    PACK_VERSION = "pack-version"
    CLEAR_FROM = "clear-from"
    PLACER_KNOWN = "placer-known"
    ISSUER_KNOWN = "issuer-known"
    # try again
    PACK_NOT_ADOPTED = "pack-not-adopted"
    DATABASE_AWAY = "database-away"
    BUSY = "busy"
    CONFIRMATION_LOST = "confirmation-lost"


_T, _M, _F, _A = Kind.TOO_BIG, Kind.MALFORMED, Kind.FORBIDDEN, Kind.ABSENT
_U, _S, _C, _V = Kind.UNPROCESSABLE, Kind.STALE, Kind.CONFLICT, Kind.UNAVAILABLE

TABLE: Final[Mapping[Code, Row]] = MappingProxyType(
    {
        Code.BODY_TOO_LARGE: Row(
            _T, "too-long", "The body is larger than this door takes.", "Send it in smaller parts."
        ),
        Code.TOO_COSTLY: Row(
            _T,
            "too-costly",
            "The body holds more objects, arrays or members than this door takes.",
            "Send it in smaller parts.",
        ),
        Code.TOO_MANY_ENTRIES: Row(
            _T, "too-long", "The Bundle has too many entries.", "Send it in smaller Bundles."
        ),
        Code.ATTACHMENT_TOO_LARGE: Row(
            _T,
            "too-long",
            "An attachment is larger, or there are more of them, than this door takes.",
            "Send fewer or smaller attachments.",
        ),
        Code.NOT_JSON: Row(
            _M, "structure", "The body is not one JSON object.", "Send FHIR JSON (RFC 8259)."
        ),
        Code.NOT_UTF8: Row(
            _M, "structure", "The body is not UTF-8 without a mark.", "Send UTF-8 without a BOM."
        ),
        Code.TOO_DEEP: Row(
            _M, "structure", "The JSON nests too deeply.", "Flatten it to at most 32 levels."
        ),
        Code.DUPLICATE_MEMBER: Row(
            _M,
            "structure",
            "A member name stands twice in one object.",
            "Send each member once.",
        ),
        Code.NUMBER_RANGE: Row(
            _M,
            "value",
            "A number is not finite or has too many digits.",
            "Send at most 32 digits.",
        ),
        Code.TEXT_CHARACTERS: Row(
            _M,
            "value",
            "A text holds a character that FHIR does not allow.",
            "Remove control characters and lone surrogates.",
        ),
        Code.TEXT_TOO_LONG: Row(_M, "value", "A text is too long.", "Shorten it."),
        Code.ARRAY_TOO_LONG: Row(_M, "value", "An array has too many items.", "Send fewer."),
        Code.UNKNOWN_TYPE: Row(
            _M,
            "structure",
            "This is not a resource type of FHIR R4.",
            "Use a type of FHIR R4 (4.0.1).",
        ),
        Code.WRONG_TYPE: Row(
            _M,
            "invalid",
            "The resource is of another type than the address.",
            "Send it to the address of its type.",
        ),
        Code.UNKNOWN_ELEMENT: Row(
            _M,
            "structure",
            "FHIR R4 has no such element here.",
            "Remove it, or carry it in an extension.",
        ),
        Code.REQUIRED: Row(_M, "required", "A required element is missing.", "Add it."),
        Code.CARDINALITY: Row(
            _M,
            "structure",
            "The element is repeated, or single, where FHIR R4 has it otherwise.",
            "Send an array exactly where FHIR R4 has one.",
        ),
        Code.VALUE_TYPE: Row(
            _M,
            "structure",
            "The JSON type is not that of the element.",
            "Send booleans and numbers bare, everything else as a string or object.",
        ),
        Code.VALUE_FORMAT: Row(
            _M,
            "value",
            "The value does not have the form of its type.",
            "Write it as FHIR R4 defines the type.",
        ),
        Code.REQUIRED_BINDING: Row(
            _M,
            "code-invalid",
            "The value is not a code of the required value set.",
            "Use one of its codes.",
        ),
        Code.EMPTY_VALUE: Row(
            _M,
            "structure",
            "null, [], {} and empty or blank strings are no values in FHIR JSON.",
            "Leave the element out.",
        ),
        Code.CHOICE: Row(
            _M,
            "structure",
            "Only one type of this element may be given.",
            "Keep one of them.",
        ),
        Code.PRIMITIVE_PAIRING: Row(
            _M,
            "structure",
            "A primitive array and its underscore twin do not pair.",
            "Give both the same length, with a value or an extension at each place.",
        ),
        Code.NOT_A_DATE: Row(
            _M, "value", "There is no such day or time.", "Send a real day, a time with its zone."
        ),
        Code.INVARIANT: Row(
            _M, "invariant", "A rule of FHIR R4 does not hold.", "See the rule named here."
        ),
        Code.REFERENCE_TYPE: Row(
            _M,
            "invalid",
            "The reference leads to a type that this element does not take.",
            "Refer to one of the types that FHIR R4 names for it.",
        ),
        Code.CONTAINED_NOT_FOUND: Row(
            _U,
            "not-found",
            "The reference leads to no contained resource.",
            "Add the contained resource or give another address.",
        ),
        Code.ID_DIFFERS: Row(
            _M,
            "invalid",
            "The id in the body is not the id in the address.",
            "Send the same id in both.",
        ),
        Code.ID_FORM: Row(
            _M,
            "value",
            "An id has 1 to 64 letters, digits, points and hyphens.",
            "Send such an id.",
        ),
        Code.BUNDLE_TYPE: Row(
            _M,
            "invalid",
            "This door takes no Bundle of this type.",
            "Send a transaction or batch to the base.",
        ),
        Code.DUPLICATE_IDENTITY: Row(
            _M,
            "invalid",
            "Two entries name the same resource.",
            "Name each resource in one entry only.",
        ),
        Code.REQUEST_FORM: Row(
            _M,
            "value",
            "The entry's request is not one that FHIR R4 knows.",
            "Use POST Type, PUT Type/id, DELETE Type/id or GET.",
        ),
        Code.UNKNOWN_PARAMETER: Row(
            _M,
            "not-supported",
            "This search parameter or modifier is not offered for the type.",
            "See metadata for those that are, or send Prefer: handling=lenient.",
        ),
        Code.PARAMETER_VALUE: Row(
            _M, "value", "A search parameter's value does not have its form.", "Correct it."
        ),
        Code.VERSION_NEEDED: Row(
            _M,
            "required",
            "An update of this type must say which version it changes.",
            "Read it, then send If-Match or meta.versionId.",
        ),
        Code.VERSION_FORM: Row(
            _M, "value", "If-Match does not name a version.", 'Send W/"n", "n" or n.'
        ),
        Code.PARAMETERS_FORM: Row(
            _M,
            "value",
            "The Parameters are not those of this operation.",
            "See its OperationDefinition in the guides.",
        ),
        Code.KEY_FORM: Row(
            _M,
            "value",
            "An Idempotency-Key has 1 to 255 printable characters.",
            "Send such a key, a UUID for example.",
        ),
        Code.WHICH_PLACER: Row(
            _M,
            "incomplete",
            "More than one placer uses this id.",
            "Send header Tpi-Placer with the placer's id.",
        ),
        Code.ROLE: Row(
            _F,
            "forbidden",
            "Your role may not do this.",
            "Ask a person of the clinic whose role may.",
        ),
        Code.RESERVED: Row(
            _F,
            "forbidden",
            "This id belongs to a resource that the clinic made.",
            "Choose another id; change the clinic's resources as the protocol allows.",
        ),
        Code.NOT_FOUND: Row(_A, "not-found", "There is no such resource.", "Check the address."),
        Code.NOT_SUPPORTED_TYPE: Row(
            _A,
            "not-supported",
            "This type is not served here by itself.",
            "See metadata for the types that are.",
        ),
        Code.TWO_SUBJECTS: Row(
            _U,
            "business-rule",
            "One referral is about one patient.",
            "Send the second patient's order in its own transaction.",
        ),
        Code.OTHER_PATIENTS_DATA: Row(
            _U,
            "business-rule",
            "This resource is about another patient than the order.",
            "Leave it out, or correct its subject.",
        ),
        Code.TWO_FLOWS: Row(
            _U,
            "business-rule",
            "This transaction asks for two things that cannot be one.",
            "Send each in its own transaction.",
        ),
        Code.TWO_TASKS: Row(
            _U,
            "business-rule",
            "Two Tasks ask for the same order.",
            "Send one coordination Task.",
        ),
        Code.SUBJECT_NOT_FOUND: Row(
            _U,
            "not-found",
            "The order's subject leads to no Patient in this Bundle or sent by you before.",
            "Add the Patient, or refer to one that you sent.",
        ),
        Code.SUBJECT_TYPE: Row(
            _U, "business-rule", "The order's subject is not a Patient.", "Refer one Patient."
        ),
        Code.FOCUS_NOT_FOUND: Row(
            _U,
            "not-found",
            "The Task's focus leads to no order.",
            "Add the ServiceRequest or correct the reference.",
        ),
        Code.REFERENCE_NOT_FOUND: Row(
            _U,
            "not-found",
            "The reference leads to no entry of this Bundle.",
            "Add the entry, or give the address of a resource that you sent before.",
        ),
        Code.NO_ORDER: Row(
            _U,
            "required",
            "There is no order in this Bundle.",
            "Add the ServiceRequest, a draft too, with the Patient and what is known.",
        ),
        Code.ORDER_STATUS: Row(
            _U,
            "business-rule",
            "An order of this status is not taken.",
            "Send an order that is active or on-hold; try a draft with $tpi-precheck.",
        ),
        Code.ORDER_INTENT: Row(
            _U,
            "business-rule",
            "A request of this intent is not an order.",
            "Send intent order; try a proposal or plan with $tpi-precheck.",
        ),
        Code.ORDER_NOT_TO_PERFORM: Row(
            _U,
            "business-rule",
            "The order says that the service must not be performed.",
            "Send an order to perform, or withdraw the earlier one.",
        ),
        Code.MODIFIER_EXTENSION: Row(
            _U,
            "not-supported",
            "We do not know this modifierExtension and must not ignore it.",
            "Send the resource without it.",
        ),
        Code.IMPLICIT_RULES: Row(
            _U,
            "not-supported",
            "We do not know these implicitRules and must not ignore them.",
            "Send the resource without them.",
        ),
        Code.NOT_SUPPORTED: Row(
            _U,
            "not-supported",
            "This interaction is not offered for this type.",
            "See metadata for those that are.",
        ),
        Code.FIELD_NOT_YOURS: Row(
            _U,
            "business-rule",
            "This change is not yours to make.",
            "Change only what the protocol lets your side change.",
        ),
        Code.EXPIRED_LOT: Row(
            _U,
            "business-rule",
            "The lot had expired on the day of the visit.",
            "Check lot and expiry, and record what was given.",
        ),
        Code.BAD_WINDOW: Row(
            _U,
            "business-rule",
            "The time is past, ends before it starts, or is not as long as the service.",
            "Name a window of the schedule.",
        ),
        Code.BAD_DATE: Row(_U, "business-rule", "The day does not fit.", "Correct the day."),
        Code.REASON_NEEDED: Row(
            _U, "required", "This decision needs a reason in words.", "Add reason.text."
        ),
        Code.OVERRIDE_NEEDED: Row(
            _U,
            "business-rule",
            "This finding blocks: approving it does not lift it.",
            "A clinician overrides it with a reason, or the referral is deferred or declined.",
        ),
        Code.ANSWER_FORM: Row(
            _U,
            "business-rule",
            "This answer cannot be taken as it is.",
            "Answer accepted, declined, or tentative with start and end.",
        ),
        Code.VISIT_FORM: Row(
            _U,
            "business-rule",
            "The record of the visit does not fit the booking.",
            "Correct the element named here.",
        ),
        Code.KEY_REUSED: Row(
            _U,
            "business-rule",
            "This Idempotency-Key was sent with another request.",
            "Give each request its own key; send the same key with the same bytes only.",
        ),
        Code.KEY_RUNNING: Row(
            _C,
            "conflict",
            "The first request with this Idempotency-Key is not answered yet.",
            "Send it again in a moment.",
        ),
        Code.PACK: Row(
            _U,
            "business-rule",
            "The content pack cannot be carried out as it is.",
            "Correct the member named here, or use a version of the service that knows it.",
        ),
        Code.CLINIC_FORM: Row(
            _U,
            "business-rule",
            "The clinic's file cannot be applied as it is.",
            "Correct the element named here.",
        ),
        Code.STALE: Row(
            _S,
            "conflict",
            "The resource has another version by now.",
            "Read it again and repeat your change.",
        ),
        Code.CONDITION_MULTIPLE: Row(
            _S,
            "multiple-matches",
            "The condition matches more than one resource.",
            "Make it match one.",
        ),
        Code.CONDITION_NONE: Row(
            _S, "not-found", "The condition matches no resource.", "Make it match one."
        ),
        Code.STAGE: Row(
            _C,
            "conflict",
            "The referral's stage does not allow this now.",
            "Read its Task for where it stands.",
        ),
        Code.FINDING_OPEN: Row(
            _C,
            "business-rule",
            "A finding still waits for a decision.",
            "A clinician decides on each open finding first.",
        ),
        Code.FINDING_CHANGED: Row(
            _C,
            "conflict",
            "The finding changed since you read it.",
            "Read the referral's findings again and decide on those.",
        ),
        Code.TOO_LATE: Row(
            _C,
            "business-rule",
            "It is too late for this: the referral has ended or the visit was performed.",
            "Read its Task for the outcome; a new try is a new order.",
        ),
        Code.OLDER: Row(
            _C,
            "conflict",
            "We hold a newer version of this order.",
            "Send the newest version.",
        ),
        Code.OTHER_SUBJECT: Row(
            _C,
            "conflict",
            "We hold this order for another patient.",
            "Give the new order its own identifier.",
        ),
        Code.WINDOW_TAKEN: Row(
            _C,
            "conflict",
            "The window is no longer free.",
            "Choose one of the next free windows.",
        ),
        Code.WINDOW_IN_USE: Row(
            _C,
            "conflict",
            "The window is in use.",
            "Cancel or move the appointment first.",
        ),
        Code.PATIENT_BOOKED: Row(
            _C,
            "conflict",
            "The patient has another booking at that time.",
            "Choose another window, or cancel the other booking.",
        ),
        Code.SCHEDULE_OVERLAP: Row(
            _C,
            "conflict",
            "The window overlaps another one of the schedule.",
            "Choose other times.",
        ),
        Code.NONE_OFFERED: Row(
            _C,
            "conflict",
            "No window could be offered.",
            "Widen the days, or choose among the next free windows.",
        ),
        Code.NEXT_FREE: Row(
            _C,
            "informational",
            "This window is free now.",
            "Name it, or ask for it as another time.",
        ),
        Code.CLEAR_FROM: Row(
            _C,
            "informational",
            "This is the first day on which nothing stands in the way, if no data come.",
            "Ask for windows from this day on.",
        ),
        Code.PLACER_KNOWN: Row(
            _C,
            "duplicate",
            "The clinic already has a placer of this name.",
            "Choose another name.",
        ),
        Code.ISSUER_KNOWN: Row(
            _C,
            "duplicate",
            "Another placer is registered under this issuer.",
            "Each EHR signs under an issuer of its own.",
        ),
        Code.PACK_VERSION: Row(
            _C,
            "conflict",
            "This version of the content pack is kept already, with other content.",
            "Give the changed pack another version.",
        ),
        Code.PACK_NOT_ADOPTED: Row(
            _V,
            "transient",
            "This process judges by another content pack than the clinic adopted.",
            "Start it anew with TPI_PACK set to the adopted pack.",
        ),
        Code.DATABASE_AWAY: Row(
            _V,
            "transient",
            "The database cannot be reached.",
            "Send it again in a minute: it counts once.",
        ),
        Code.BUSY: Row(
            _V, "transient", "The service is busy.", "Send it again in a moment: it counts once."
        ),
        Code.CONFIRMATION_LOST: Row(
            _V,
            "transient",
            "We could not confirm that this was saved.",
            "Send it again in a minute: it counts once.",
        ),
    }
)

MOST: Final = 50
"""How many problems one refusal lists at most (SECURITY: faults all at once, 50)."""


class Problem(msgspec.Struct, frozen=True):
    """One fault: its code, where it stands (FHIRPath), and what closed sets can add to it.

    `context` holds types, limits, rule keys, stages or addresses of value sets: never the
    sender's text.
    """

    code: Code
    expression: str = ""
    context: str = ""

    @property
    def row(self) -> Row:
        """Return the table's row for this code."""
        return TABLE[self.code]

    @property
    def sentence(self) -> str:
        """Say what happened, with the context where there is one, and what to do."""
        row = self.row
        detail = f" ({self.context})" if self.context else ""
        return f"{row.sentence.removesuffix('.')}{detail}. {row.repair}"


class Refused(Exception):
    """A request that we cannot honour, with every fault that was found."""

    def __init__(self, *problems: Problem) -> None:
        """Keep at most `MOST` problems, in the order found."""
        super().__init__(", ".join(sorted({one.code for one in problems})))
        self.problems: tuple[Problem, ...] = problems[:MOST]

    @property
    def kind(self) -> Kind:
        """Return the family that decides: the first present in the order of `Kind`."""
        present = {one.row.kind for one in self.problems}
        return next(kind for kind in Kind if kind in present)


def refuse_any(problems: Iterable[Problem]) -> None:
    """Raise Refused if there is any problem."""
    found = tuple(problems)
    if found:
        raise Refused(*found)
