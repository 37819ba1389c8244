"""Screenings and the decisions on them: append-only, with their DetectedIssues kept in step."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.decide.review import open_findings, outcome_of
from fhir_mappings.model.finding import Finding, Outcome, Screening
from fhir_mappings.model.json import Identity, Tree, text
from fhir_mappings.model.referral import Case
from fhir_mappings.model.review import Review
from fhir_mappings.model.stage import Standing
from fhir_mappings.render.detected_issue import detected_issue, finding_rid, gone
from service.store import resources
from service.store.pool import Conn
from service.store.statements import sql

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Screening).decode


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A screening with what people said of it; `open` waits for a decision."""

    screening: Screening
    reviews: tuple[Review, ...]
    open: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """Return the worst open finding as an outcome."""
        return outcome_of(self.open)

    def standing(self, living: Standing) -> Standing:
        """Add to what lives beside the stage what is open here."""
        return msgspec.structs.replace(
            living,
            review=self.outcome is Outcome.REVIEW,
            block=self.outcome is Outcome.BLOCK,
        )


def encoded(screening: Screening) -> str:
    """Return the JSON that `screening.findings` holds."""
    return _encode(screening).decode()


async def latest(conn: Conn, case: Case) -> Judged:
    """Return the newest screening of a referral with the decisions that stand."""
    findings = await conn.fetchval(sql("latest_screening"), case.tenant, case.id)
    return judged(_decode(findings), await reviews(conn, case))


def judged(screening: Screening, said: Sequence[Review]) -> Judged:
    """Put a screening and the decisions together."""
    return Judged(screening=screening, reviews=tuple(said), open=open_findings(screening, said))


async def reviews(conn: Conn, case: Case) -> list[Review]:
    """Return every decision on a referral, oldest first."""
    rows = await conn.fetch(sql("reviews_of_referral"), case.tenant, case.id)
    return [msgspec.convert(dict(row), Review) for row in rows]


async def add_review(conn: Conn, case: Case, review: Review) -> None:
    """Append one person's word."""
    await conn.execute(
        sql("add_review"),
        case.tenant,
        review.id,
        case.placer_id,
        case.id,
        review.finding_key,
        review.finding_rid,
        review.rule,
        review.verdict.value,
        review.reason_code,
        review.reason,
        review.mitigation_code,
        review.mitigation,
        review.until,
        review.practitioner,
        review.person,
        review.at,
    )


async def record(
    conn: Conn, case: Case, screening: Screening, *, inputs: bytes, at: datetime, new_id: UUID
) -> Judged:
    """Store a screening and bring the referral's DetectedIssues in step with it.

    The same inputs, pack, variant, planned date and day are the same row. A finding that no
    longer fires has its DetectedIssue cancelled; one that stands keeps its own.
    """
    await conn.execute(
        sql("add_screening"),
        case.tenant,
        new_id,
        case.placer_id,
        case.id,
        screening.pack,
        screening.pack_version,
        inputs,
        screening.variant,
        screening.planned,
        screening.day,
        screening.outcome.value,
        encoded(screening),
        at,
    )
    result = judged(screening, await reviews(conn, case))
    await keep_issues(conn, case, result, at=at)
    return result


async def keep_issues(conn: Conn, case: Case, result: Judged, *, at: datetime) -> None:
    """Write the DetectedIssues that are new, changed by a decision, or gone."""
    standing = {
        one.identity.rid: one.tree
        for one in await resources.of_referral(conn, case.tenant, case.id, "DetectedIssue")
    }
    wanted = {finding_rid(case.id, one): one for one in result.screening.findings}
    changed: list[tuple[Identity, Tree]] = []
    for rid, finding in wanted.items():
        said = [one for one in result.reviews if one.finding_rid == rid]
        tree = detected_issue(case, result.screening, finding, at=at, reviews=said)
        if not _same(standing.get(rid), tree):
            changed.append((Identity(rtype="DetectedIssue", rid=rid), tree))
    for rid, tree in standing.items():
        if rid not in wanted and text(tree, "status") == "final":
            changed.append((Identity(rtype="DetectedIssue", rid=rid), gone(tree)))
    await resources.make(conn, case.tenant, case.placer_id, changed, at=at, referral=case.id)


def _same(standing: Tree | None, tree: Tree) -> bool:
    """Tell whether a DetectedIssue says the same, the day it was found aside."""
    aside = ("id", "meta", "identifiedDateTime", "author")
    return standing is not None and {
        name: value for name, value in standing.items() if name not in aside
    } == {name: value for name, value in tree.items() if name not in aside}
