"""Model to FHIR: every resource we emit is built here and nowhere else."""
