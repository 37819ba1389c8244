"""How much text is read: each up to a limit, all together up to another, the shortest first.

So the order of the entries changes nothing and the cost has a bound.
Source: rules.md of the content pack, Limits of text; decision 6.
"""

from collections.abc import Iterable, Iterator

import msgspec

from fhir_mappings.decide.rules.plan import Plan
from fhir_mappings.model.fact import Entry, Said

_MOST_BYTES_A_CHARACTER = 4


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Texts that are read in part, or not at all, and the entries that hold them."""

    shortened: dict[str, str]
    keys: frozenset[str]

    def read(self, text: str) -> str:
        """Return what of a text is read."""
        return self.shortened.get(text, text)


_ALL_READ = Cut(shortened={}, keys=frozenset())


def cut_of(plan: Plan, entries: Iterable[Entry]) -> Cut:
    """Work out what is cut among all texts that inputs and carriers may read."""
    limits = plan.pack.content.limits
    held = [(entry, text) for entry in entries for text in _texts(entry, plan)]
    most = sum(len(text) for _, text in held) * _MOST_BYTES_A_CHARACTER
    if most <= min(limits.text_bytes, limits.referral_text_bytes):
        return _ALL_READ
    shortened = _shortened(
        {text for _, text in held}, limits.text_bytes, limits.referral_text_bytes
    )
    keys = frozenset(entry.key for entry, text in held if text in shortened)
    return Cut(shortened=shortened, keys=keys)


def _shortened(texts: set[str], text_bytes: int, referral_bytes: int) -> dict[str, str]:
    found: dict[str, str] = {}
    used = 0
    for text in sorted(texts, key=lambda one: (len(one.encode()), one)):
        whole = text.encode()
        read = whole[:text_bytes].decode(errors="ignore")
        used += len(read.encode())
        if used > referral_bytes:
            found[text] = ""
        elif len(whole) > text_bytes:
            found[text] = read
    return found


def _texts(entry: Entry, plan: Plan) -> Iterator[str]:
    elements = plan.read_as_text.get(entry.rtype, frozenset())
    for element in elements:
        for said in entry.said.get(element, ()):
            yield from _of(said)


def _of(said: Said) -> Iterator[str]:
    yield from said.texts
    yield from (one.display for one in said.codings if one.display)
