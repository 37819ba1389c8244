"""What a content pack says of itself: its name, version, terms, and the pack it builds on."""

import msgspec


class Base(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pack that another one changes, by its canonical address and version."""

    url: str
    version: str


class PackHead(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a pack's resources.

    `url` is the FHIR base of its canonical addresses, without a last slash. `language` is that of
    its sentences (BCP 47). `date` is the day of the version. `base` is None for a whole pack.
    """

    name: str
    version: str
    url: str
    title: str
    language: str
    date: str
    copyright: str
    base: Base | None = None

    @property
    def library(self) -> str:
        """Return the canonical address of the pack as a whole."""
        return f"{self.url}/Library/{self.name}"
