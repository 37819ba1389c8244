"""The pure core: bytes to facts, facts to decisions, decisions to FHIR. No I/O, no clock."""
