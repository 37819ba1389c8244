"""Every type that a referral may bring is read, or stands here with the reason why not."""

import pytest

from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from tests.kit.charts import the_pack

SAYS_NOTHING_OF_HEALTH = {
    "people, places and their roles": """
        CareTeam Endpoint Group HealthcareService Location Organization OrganizationAffiliation
        Person Practitioner PractitionerRole RelatedPerson VerificationResult
    """,
    "cover, claims and accounts": """
        Account ChargeItem ChargeItemDefinition Claim ClaimResponse Contract Coverage
        CoverageEligibilityRequest CoverageEligibilityResponse EnrollmentRequest EnrollmentResponse
        ExplanationOfBenefit InsurancePlan Invoice PaymentNotice PaymentReconciliation
    """,
    "the work on a referral, consent and schedules": """
        Appointment AppointmentResponse Consent DetectedIssue EpisodeOfCare Schedule Slot
        Subscription Task
    """,
    "what is asked for, planned or wished: no fact yet": """
        CommunicationRequest DeviceRequest Goal GuidanceResponse ImmunizationEvaluation
        ImmunizationRecommendation NutritionOrder RequestGroup RiskAssessment SupplyDelivery
        SupplyRequest VisionPrescription
    """,
    "definitions and terminology": """
        ActivityDefinition CapabilityStatement CatalogEntry CodeSystem CompartmentDefinition
        ConceptMap DeviceDefinition DeviceMetric EffectEvidenceSynthesis EventDefinition Evidence
        EvidenceVariable ExampleScenario GraphDefinition ImplementationGuide Library Measure
        MeasureReport MedicationKnowledge MedicinalProduct MedicinalProductAuthorization
        MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
        MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
        MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition
        NamingSystem ObservationDefinition OperationDefinition PlanDefinition Questionnaire
        ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
        RiskEvidenceSynthesis SearchParameter SpecimenDefinition StructureDefinition StructureMap
        TerminologyCapabilities TestReport TestScript ValueSet
    """,
    "material and its parts: read only where a medication leads to it": """
        BiologicallyDerivedProduct BodyStructure MolecularSequence Specimen Substance
        SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
        SubstanceSourceMaterial SubstanceSpecification
    """,
    "of the exchange itself": """
        AuditEvent Basic Linkage MessageHeader OperationOutcome Provenance
    """,
    "boxes: what they hold is read": "Bundle Parameters",
    "attached, and told by what names it": "Binary DocumentManifest",
}


@pytest.mark.parametrize("rtype", sorted(RESOURCE_TYPES))
def test_a_type_is_read_or_stands_here_with_a_reason(rtype: str) -> None:
    excused = [why for why, types in SAYS_NOTHING_OF_HEALTH.items() if rtype in types.split()]

    read = rtype in the_pack().reads

    assert read != bool(excused)
    assert len(excused) <= 1
