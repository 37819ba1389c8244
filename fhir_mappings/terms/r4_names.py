"""Names that FHIR R4 4.0.1 gives: the only words of a message that refusals repeat.

Made by `service/content/r4/build.py` from the definitions of HL7 (CC0): do not edit.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _words(block: str) -> frozenset[str]:
    return frozenset(block.split())


def _pairs(block: str) -> dict[str, str]:
    return {name: base for name, _, base in (pair.partition(":") for pair in block.split())}


RESOURCE_TYPES: Final = _words(
    """
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse
    AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement
    CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse
    ClinicalImpression CodeSystem Communication CommunicationRequest CompartmentDefinition
    Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest
    CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest
    DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis
    Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence
    EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal
    GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization
    ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice
    Library Linkage List Location Measure MeasureReport Media Medication MedicationAdministration
    MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement MedicinalProduct
    MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
    MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
    MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect
    MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder Observation
    ObservationDefinition OperationDefinition OperationOutcome Organization OrganizationAffiliation
    Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner
    PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson
    RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
    RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen
    SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid
    SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
    SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport
    TestScript ValueSet VerificationResult VisionPrescription
    """
)
"""Every resource type of R4."""

READ_TYPES: Final = _words(
    """
    Patient Practitioner PractitionerRole Organization Location Condition Observation
    DiagnosticReport AllergyIntolerance Medication MedicationRequest MedicationStatement
    MedicationDispense Immunization FamilyMemberHistory Flag List Device QuestionnaireResponse
    DocumentReference Composition Communication Procedure MedicationAdministration ServiceRequest
    Task Appointment AppointmentResponse DetectedIssue HealthcareService Schedule Slot Subscription
    Bundle Parameters MessageHeader
    """
)
"""The types whose content is judged and read; others are stored unread."""

ELEMENTS: Final = _words(
    """
    abatement abatementAge abatementDateTime abatementPeriod abatementRange abatementString about
    action active actor additionalInstruction address age ageAge ageRange ageString alias allDay
    allowed allowedBoolean allowedCodeableConcept altitude amount answer appliesTo appointment
    appointmentRequired appointmentType asNeeded asNeededBoolean asNeededCodeableConcept asserter
    assessment assigner attachment attester authenticator author authorReference authorString
    authored authoredOn authority authorizingPrescription availabilityExceptions availableEndTime
    availableStartTime availableTime basedOn batch birthDate bodySite born bornDate bornPeriod
    bornString bounds boundsDuration boundsPeriod boundsRange businessStatus cancelationReason
    carrierAIDC carrierHRF category channel characteristic citation city clinicalStatus closingTime
    code codeFilter coding comment communication comparator complication complicationDetail
    component conclusion conclusionCode condition confidentiality contact contained content
    contentAttachment contentReference contentString contentType context contributedToDeath count
    countMax country courseOfTherapyType coverageArea created creation criteria criticality
    currency custodian data dataAbsentReason date dateAsserted dateFilter dayOfWeek daysOfWeek
    daysSupply deceased deceasedAge deceasedBoolean deceasedDate deceasedDateTime deceasedRange
    deceasedString definition deleted denominator derivedFrom description destination detail
    details detectedIssue device deviceIdentifier deviceName dimensions direction dispenseInterval
    dispenseRequest display distinctIdentifier district div doNotPerform docStatus document
    documentType documentation dosage dosageInstruction dose doseAndRate doseNumber
    doseNumberPositiveInt doseNumberString doseQuantity doseRange duration durationMax durationUnit
    during education effective effectiveDateTime effectiveInstant effectivePeriod effectiveTiming
    eligibility emptyReason encounter end endpoint enterer entry entryType error estimatedAge etag
    event eventCoding eventHistory eventUri evidence executionPeriod expectedSupplyDuration
    expirationDate exposureRoute expression extension extraDetails facilityType factor family
    fhir_comments flag focalDevice focus followUp for form format frequency frequencyMax fullUrl
    function fundingSource gender generalPractitioner given groupIdentifier hasMember hash header
    healthcareService high hoursOfOperation id identified identifiedDateTime identifiedPeriod
    identifier ifMatch ifModifiedSince ifNoneExist ifNoneMatch imagingStudy implicated
    implicitRules inResponseTo informationSource ingredient initialFill input instantiates
    instantiatesCanonical instantiatesUri insurance intent interpretation isActive isSubpotent
    issued issuer item itemCodeableConcept itemReference jurisdiction label language lastModified
    lastOccurrence lastUpdated latitude limit line link linkId location locationCode
    locationReference longitude lotNumber low lowerLimit managingOrganization manifestation
    manipulated manufactureDate manufacturer maritalStatus masterIdentifier max
    maxDosePerAdministration maxDosePerLifetime maxDosePerPeriod media medication
    medicationCodeableConcept medicationReference medium meta method min minutesDuration mitigation
    mode modelNumber modifierExtension multipleBirth multipleBirthBoolean multipleBirthInteger
    mustSupport name notAvailable note numberOfRepeatsAllowed numerator occurrence
    occurrenceDateTime occurrencePeriod occurrenceString occurrenceTiming offset onBehalfOf onset
    onsetAge onsetDateTime onsetPeriod onsetRange onsetString openingTime operationalStatus
    orderDetail orderedBy organization origin other outcome output overbooked owner parameter
    parent part partNumber partOf participant participantStatus participantType party path patient
    patientInstruction payload performed performedAge performedDateTime performedPeriod
    performedRange performedString performer performerType period periodMax periodUnit photo
    physicalType planningHorizon position postalCode practiceSetting practitioner preferred prefix
    presentationDate presentedForm primarySource priorPrescription priority profile program
    programEligibility property protocolApplied providedBy publicationDate purpose qualification
    quantity quantityQuantity quantityRange quantityRatio questionnaire rank rate rateQuantity
    rateRange rateRatio reaction reason reasonCode reasonReference received receiver recipient
    recorded recordedDate recorder reference referenceRange referralMethod related relatesTo
    relation relationship relevantHistory repeat repetitions replaces report reportOrigin reported
    reportedBoolean reportedReference request requestedPeriod requester required requisition
    resource resourceType response responsible responsibleParty restriction result
    resultsInterpreter route safety schedule score search searchParam section security
    securityLabel sender sent sequence serialNumber series seriesDoses seriesDosesPositiveInt
    seriesDosesString serviceCategory serviceProvisionCode serviceType severity sex sigFormat
    signature site size slot software sort source sourcePatientInfo specialization specialty
    specimen stage start state status statusReason statusReasonCodeableConcept
    statusReasonReference strength subject subjectCodeableConcept subjectReference subpotentReason
    substance substitution suffix summary supportingInfo supportingInformation system systemType
    tag target targetDisease targetFormat targetIdentifier targetReference telecom text time
    timeOfDay timestamp timing timingDate timingDateTime timingReference timingTiming title topic
    total type udiCarrier unit upperLimit url use usedCode usedReference userSelected vaccineCode
    validityPeriod value valueAddress valueAge valueAnnotation valueAttachment valueBase64Binary
    valueBoolean valueCanonical valueCode valueCodeableConcept valueCoding valueContactDetail
    valueContactPoint valueContributor valueCount valueDataRequirement valueDate valueDateTime
    valueDecimal valueDistance valueDosage valueDuration valueExpression valueHumanName valueId
    valueIdentifier valueInstant valueInteger valueMarkdown valueMeta valueMoney valueOid
    valueParameterDefinition valuePeriod valuePositiveInt valueQuantity valueRange valueRatio
    valueReference valueRelatedArtifact valueSampledData valueSet valueSignature valueString
    valueTime valueTiming valueTriggerDefinition valueUnsignedInt valueUri valueUrl
    valueUsageContext valueUuid verificationStatus version versionId wasSubstituted when
    whenHandedOver whenPrepared who
    """
)
"""Element names of the types that are read."""

CHOICES: Final[Mapping[str, str]] = MappingProxyType(
    _pairs(
        """
    abatementAge:abatement abatementDateTime:abatement abatementPeriod:abatement
    abatementRange:abatement abatementString:abatement ageAge:age ageRange:age ageString:age
    allowedBoolean:allowed allowedCodeableConcept:allowed asNeededBoolean:asNeeded
    asNeededCodeableConcept:asNeeded authorReference:author authorString:author bornDate:born
    bornPeriod:born bornString:born boundsDuration:bounds boundsPeriod:bounds boundsRange:bounds
    contentAttachment:content contentReference:content contentString:content deceasedAge:deceased
    deceasedBoolean:deceased deceasedDate:deceased deceasedDateTime:deceased deceasedRange:deceased
    deceasedString:deceased doseNumberPositiveInt:doseNumber doseNumberString:doseNumber
    doseQuantity:dose doseRange:dose effectiveDateTime:effective effectiveInstant:effective
    effectivePeriod:effective effectiveTiming:effective eventCoding:event eventUri:event
    identifiedDateTime:identified identifiedPeriod:identified itemCodeableConcept:item
    itemReference:item medicationCodeableConcept:medication medicationReference:medication
    multipleBirthBoolean:multipleBirth multipleBirthInteger:multipleBirth
    occurrenceDateTime:occurrence occurrencePeriod:occurrence occurrenceString:occurrence
    occurrenceTiming:occurrence onsetAge:onset onsetDateTime:onset onsetPeriod:onset
    onsetRange:onset onsetString:onset performedAge:performed performedDateTime:performed
    performedPeriod:performed performedRange:performed performedString:performed
    quantityQuantity:quantity quantityRange:quantity quantityRatio:quantity rateQuantity:rate
    rateRange:rate rateRatio:rate reportedBoolean:reported reportedReference:reported
    seriesDosesPositiveInt:seriesDoses seriesDosesString:seriesDoses
    statusReasonCodeableConcept:statusReason statusReasonReference:statusReason
    subjectCodeableConcept:subject subjectReference:subject targetIdentifier:target
    targetReference:target timingDate:timing timingDateTime:timing timingReference:timing
    timingTiming:timing valueAddress:value valueAge:value valueAnnotation:value
    valueAttachment:value valueBase64Binary:value valueBoolean:value valueCanonical:value
    valueCode:value valueCodeableConcept:value valueCoding:value valueContactDetail:value
    valueContactPoint:value valueContributor:value valueCount:value valueDataRequirement:value
    valueDate:value valueDateTime:value valueDecimal:value valueDistance:value valueDosage:value
    valueDuration:value valueExpression:value valueHumanName:value valueId:value
    valueIdentifier:value valueInstant:value valueInteger:value valueMarkdown:value valueMeta:value
    valueMoney:value valueOid:value valueParameterDefinition:value valuePeriod:value
    valuePositiveInt:value valueQuantity:value valueRange:value valueRatio:value
    valueReference:value valueRelatedArtifact:value valueSampledData:value valueSignature:value
    valueString:value valueTime:value valueTiming:value valueTriggerDefinition:value
    valueUnsignedInt:value valueUri:value valueUrl:value valueUsageContext:value valueUuid:value
        """
    )
)
"""JSON member of a choice of types → its element's name: `valueQuantity` → `value`."""
