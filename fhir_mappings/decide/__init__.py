"""Model to model: total functions, no exception for a clinical result."""
