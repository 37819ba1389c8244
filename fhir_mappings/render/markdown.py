"""Text of others inside GitHub Flavored Markdown: it stays text, whatever it holds."""

import re
from typing import Final

_ACTIVE: Final = re.compile(r"[\\`*_\[\]<>#|~&@]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
"""What begins emphasis, code, links, HTML, entities, tables, and what GFM links by itself."""


def escaped(text: str) -> str:
    """Return text on one line that Markdown shows as it is; for the middle of a line only.

    A list, a heading or a rule begins at the start of a line: what stands before keeps it away.
    """
    return _ACTIVE.sub(r"\\\g<0>", " ".join(text.split()))
