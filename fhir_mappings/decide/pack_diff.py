"""Two packs over one referral: what would be said otherwise."""

from collections.abc import Iterator

import msgspec

from fhir_mappings.model.finding import Action, Finding, Outcome, Screening


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that says something else; None where it does not fire."""

    rule: str
    title: str
    before: Action | None
    after: Action | None
    evidence: bool


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What another pack makes of one referral.

    `evidence` of a change says that the rule fires as strongly, on other evidence.
    """

    before: Outcome
    after: Outcome
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Tell whether nothing differs."""
        return self.before is self.after and not self.changes


def difference(before: Screening, after: Screening) -> Difference:
    """Compare two screenings of one referral rule by rule; other sentences are no difference."""
    return Difference(
        before=before.outcome, after=after.outcome, changes=tuple(_changes(before, after))
    )


def _changes(before: Screening, after: Screening) -> Iterator[Change]:
    old = {one.rule: one for one in before.findings}
    new = {one.rule: one for one in after.findings}
    for rule in sorted(old.keys() | new.keys()):
        change = _change(rule, old.get(rule), new.get(rule))
        if change is not None:
            yield change


def _change(rule: str, old: Finding | None, new: Finding | None) -> Change | None:
    told = new or old
    before, after = (old.action if old else None), (new.action if new else None)
    evidence = bool(old and new and old.evidence != new.evidence)
    if told is None or (before is after and not evidence):
        return None
    return Change(rule=rule, title=told.title, before=before, after=after, evidence=evidence)
