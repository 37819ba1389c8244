"""The packs we ship as FHIR JSON, and the script that builds them."""
