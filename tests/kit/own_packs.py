"""A clinic's own pack, made from its source as `tpi pack build` makes it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.pack import read_pack
from fhir_mappings.parse.pack_files import read_layer
from fhir_mappings.parse.pack_layers import Layer, laid
from service.content.load import open_folders
from service.content.packs.own import own_files

SOURCE = Path("tests/data/packs/muster.json")


@cache
def the_base() -> Layer:
    """The pack we ship, as a layer."""
    return open_folders()[0].layer


def a_source(**changes: object) -> dict[str, Any]:
    """The source of a clinic's pack over the base as it is today, changed."""
    source: dict[str, Any] = json.loads(SOURCE.read_text())
    source["base"]["version"] = the_base().head.version
    return {**source, **changes}


def plain(**changes: object) -> dict[str, Any]:
    """A source that says nothing but who it is, changed."""
    head = {"name", "version", "url", "title", "date", "copyright", "base"}
    return {name: one for name, one in a_source().items() if name in head} | changes


def files_of(source: dict[str, Any]) -> dict[str, bytes]:
    """The resources of a clinic's pack."""
    return own_files(json.dumps(source).encode(), the_base())


def own_pack(source: dict[str, Any]) -> Pack:
    """A clinic's pack, laid over its base."""
    return read_pack(laid(the_base(), read_layer(files_of(source))), digest="own")
