"""What an operator is told at once: a rule of the content pack that could not be carried out.

The referral itself is safe: a data finding names the rule, so it waits for a person (DESIGN §9).
"""

from uuid import UUID

from fhir_mappings.model.finding import Screening
from service import telemetry
from service.log import logger


def rules_failed(screening: Screening, referral: UUID) -> None:
    """Count and log each rule that failed in a screening; no word of the patient."""
    for rule in screening.failed:
        telemetry.rule_failures[rule] += 1
        logger().error("rule.failed", rule_id=rule, pack=screening.pack, referral_id=str(referral))
