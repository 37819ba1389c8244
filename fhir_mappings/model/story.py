"""What the coordination Task tells of a referral, gathered for the one renderer."""

from datetime import datetime

import msgspec

from fhir_mappings.model.finding import Finding
from fhir_mappings.model.json import Tree
from fhir_mappings.model.referral import Case


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One Appointment as the Task names it: its id, its times (UTC) and the local words."""

    rid: str
    starts: datetime
    ends: datetime
    words: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the Task needs.

    `order` is the ServiceRequest as stored; `pushed` the placer's own coordination Task as
    stored, None where we make it. `owner` and `owner_name` are the clinic's Organization.
    `open` are the findings without a standing decision, `findings` all of them with the id of
    their DetectedIssue. `procedure` is the id of the visit's Procedure here, `proof` the
    reference that was read back at the placer.
    """

    case: Case
    order: Tree
    pushed: Tree | None
    owner: str
    owner_name: str
    open: tuple[Finding, ...]
    findings: tuple[tuple[str, Finding], ...]
    proposals: tuple[Told, ...] = ()
    appointment: Told | None = None
    procedure: str = ""
    proof: str = ""
