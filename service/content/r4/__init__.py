"""The schema of FHIR R4 4.0.1 that `parse.shape` reads, and the script that makes it."""
