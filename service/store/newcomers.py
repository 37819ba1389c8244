"""What a new referral begins with: its row, its findings as resources, its coordination Task."""

from datetime import datetime
from uuid import UUID

from fhir_mappings.decide.review import open_findings
from fhir_mappings.decide.stages import taken
from fhir_mappings.model.finding import Screening
from fhir_mappings.model.json import Identity
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Stage
from fhir_mappings.model.story import Story
from fhir_mappings.parse.taking import Read
from fhir_mappings.render.detected_issue import detected_issue, finding_rid
from fhir_mappings.render.task import task
from service.store import resources
from service.store.placers import Parties
from service.store.resources import Write


def case_of(
    read: Read, screening: Screening, referral: UUID, *, tenant: UUID, placer: UUID, at: datetime
) -> Case:
    """Return the row of a new referral, at the stage that its screening says."""
    stage = taken(screening.outcome, on_hold=read.on_hold)
    pushed = read.asked.task
    return Case(
        id=referral,
        tenant=tenant,
        placer_id=placer,
        order_system=read.key.system,
        order_value=read.key.value,
        order_rid=read.order.rid,
        patient_rid=read.patient.rid,
        task_rid=read.identities[pushed.place].rid if pushed else str(referral),
        stage=stage,
        stage_since=at,
        outcome=screening.outcome,
        priority=read.priority,
        accepted_once=stage is Stage.CLEARED,
        booked_once=False,
        partly=False,
        planned_date=None,
        variant="",
        received_at=at,
        due_at=None,
        question="",
        reason="",
        rounds=0,
        content=read.content,
        stamp=read.stamp,
        version=1,
    )


def ours(
    read: Read, case: Case, screening: Screening, parties: Parties, *, at: datetime
) -> list[Write]:
    """Return the DetectedIssues and the coordination Task of a new referral."""
    found = [(finding_rid(case.id, one), one) for one in screening.findings]
    pushed = read.asked.task
    story = Story(
        case=case,
        order=read.tree(read.asked.order),
        pushed=read.tree(pushed) if pushed else None,
        owner=parties.organization,
        owner_name=parties.clinic,
        open=open_findings(screening, ()),
        findings=tuple(found),
    )
    trees = [
        (
            Identity(rtype="DetectedIssue", rid=rid),
            detected_issue(case, screening, one, at=at, reviews=()),
        )
        for rid, one in found
    ]
    trees.append((Identity(rtype="Task", rid=case.task_rid), task(story, at=at)))
    return [
        resources.made(case.placer_id, identity, tree, version=1, at=at, referral=case.id)
        for identity, tree in trees
    ]
