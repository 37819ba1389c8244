"""FHIR to model: collects every fault of an input, then raises Refused once."""
