"""What a screening says: findings with their evidence, and the outcome."""

import hashlib
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from fhir_mappings.model.lift import Lift


class Action(StrEnum):
    """What a finding does to a referral."""

    INFO = "info"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def weight(self) -> int:
        """Rank: info below review below block."""
        return _WEIGHTS[self]


_WEIGHTS: Final = {action: place for place, action in enumerate(Action)}


class Outcome(StrEnum):
    """The worst finding of a screening in one word; info findings gate nothing: clear."""

    CLEAR = "clear"
    REVIEW = "review"
    BLOCK = "block"


class FindingKind(StrEnum):
    """Whether a finding speaks of the patient or of what could not be read."""

    CLINICAL = "clinical"
    DATA = "data"


class Evidence(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One place that made a rule fire.

    `reference` is the relative reference of the resource in its space ("Condition/1"), empty
    when the evidence is that something is absent. `path` is a FHIRPath from the resource type.
    `value` and `date` are words for a reader, as they stand in the resource; `date` may be
    empty. `version` is 0 when the evidence is an absence.
    """

    reference: str
    version: int
    path: str
    value: str
    date: str
    how: str  # "code", "text", "value" or "missing"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that fired, with all of its evidence.

    `lifts` is what would lift it, each alone but for data, which lift it together; empty where
    it was not asked for, and for findings that gate nothing. `acts` is the pack's digest of what
    makes the rule fire.
    """

    rule: str
    title: str
    action: Action
    kind: FindingKind
    category: str
    scheduler: str
    referrer: str
    rationale: str
    sources: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    lifts: tuple[Lift, ...] = ()
    acts: str = ""

    @property
    def gates(self) -> bool:
        """Tell whether it stands in the way of a booking."""
        return self.action is not Action.INFO

    @property
    def key(self) -> str:
        """Digest of rule, action and evidence with versions: a decision stands while it is equal.

        Of the rule counts what makes it fire, not its sentences: a pack in another language, or
        with a source more, lets decisions stand; another number in the rule does not.

        Source: PROTOCOL §3.3, "a decision stands while rule, evidence and its version do".
        """
        parts = [self.rule, self.action, self.acts]
        for one in sorted(self.evidence):
            parts += [one.reference, str(one.version), one.path]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


class Screening(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one screening.

    `planned` is the day of the injection it was made for, `day` the day it ran: both are days
    in the clinic's zone. `variant` is the one judged (the order's own or "unspecified").
    `reviewed_by` is whose signature on the pack counted, empty where none did. `failed` are the
    rules that could not be carried out: a data finding names them, and the operator is told.
    """

    pack: str
    pack_version: str
    variant: str
    planned: date
    day: date
    rules_checked: int
    findings: tuple[Finding, ...]
    reviewed_by: str = ""
    failed: tuple[str, ...] = ()

    @property
    def judged_by(self) -> str:
        """Say what judged: the pack, its version, and who answers for it (DECISIONS 9)."""
        signed = f"signed by {self.reviewed_by}" if self.reviewed_by else "not clinically reviewed"
        return f"tpi-intake, content pack {self.pack} {self.pack_version}, {signed}"

    @property
    def outcome(self) -> Outcome:
        """Return the worst finding as the outcome."""
        worst = max((one.action.weight for one in self.findings), default=0)
        return list(Outcome)[worst]
