"""Addresses of code systems, identifier systems and extensions that the protocol names.

`{tpi}` of the protocol page is `BASE`: reserved until a domain is owned.
"""

from typing import Final

BASE: Final = "https://tpi-intake.example/fhir"

BUSINESS_STATUS: Final = f"{BASE}/CodeSystem/business-status"
TASK_OUTPUT: Final = f"{BASE}/CodeSystem/task-output"
SCREENING_OUTCOME: Final = f"{BASE}/CodeSystem/screening-outcome"
FINDING: Final = f"{BASE}/CodeSystem/finding"
NOTICE: Final = f"{BASE}/CodeSystem/notice"
PROBLEM: Final = f"{BASE}/CodeSystem/problem"
DECLINE_REASON: Final = f"{BASE}/CodeSystem/decline-reason"
OVERRIDE_REASON: Final = f"{BASE}/CodeSystem/override-reason"
NOT_PERFORMED_REASON: Final = f"{BASE}/CodeSystem/not-performed-reason"
ROLE: Final = f"{BASE}/CodeSystem/role"
MITIGATION: Final = f"{BASE}/CodeSystem/mitigation"

SID_REFERRAL: Final = f"{BASE}/sid/referral"
SID_VISIT: Final = f"{BASE}/sid/visit"
SID_VISIT_DOSE: Final = f"{BASE}/sid/visit-dose"
SID_PROPOSAL: Final = f"{BASE}/sid/proposal"
SID_FINDING: Final = f"{BASE}/sid/finding"

EXT_HOLD_EXPIRES: Final = f"{BASE}/StructureDefinition/hold-expires"
EXT_EVIDENCE_PATH: Final = f"{BASE}/StructureDefinition/evidence-path"
EXT_LIFTED_BY: Final = f"{BASE}/StructureDefinition/lifted-by"
EXT_APPOINTMENT: Final = f"{BASE}/StructureDefinition/appointment"
EXT_VISIT_MINUTES: Final = f"{BASE}/StructureDefinition/visit-minutes"
EXT_BUFFER_MINUTES: Final = f"{BASE}/StructureDefinition/buffer-minutes"
EXT_TIMEZONE: Final = "http://hl7.org/fhir/StructureDefinition/timezone"

TASK_CODE: Final = "http://hl7.org/fhir/CodeSystem/task-code"
IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
COW: Final = "http://hl7.org/fhir/uv/cow/CodeSystem/temp"
BSER_STATUS: Final = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
UCUM: Final = "http://unitsofmeasure.org"
