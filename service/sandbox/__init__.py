"""A small persistent FHIR R4 server that plays the referring EHR, for the demo and newcomers.

Plain resources only: nothing posted here means a referral. It is the clinic's own doors and store
over a database of its own, so no claim of interoperability counts it (INTEROP.md).
"""
