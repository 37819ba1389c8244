"""The FHIR R4 door below `/fhir`."""
