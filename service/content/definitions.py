"""The definitions of FHIR R4 that the service ships, read from package data once at start."""

from importlib.resources import files

from fhir_mappings.parse.shape import Shape


def load_shape() -> Shape:
    """Read and compile the schema of R4 4.0.1 (about 50 ms)."""
    return Shape(files("service.content.r4").joinpath("schema.json").read_text(encoding="utf-8"))
