"""Which sets a code stands in, by itself or by its parent, and whether its system settles it.

Source: rules.md of the content pack, Codes and text, Understanding.
"""

import re
from collections.abc import Mapping

from fhir_mappings.model.fact import Coding
from fhir_mappings.model.pack import Listed, Pack

_NOWHERE = Listed(frozenset(), "")
_CATEGORY = 3
"""A parent has at least so many characters: shorter ones are chapters, not diagnoses."""


class Codes:
    """The code side of one pack; what it found for a code is kept while the pack is."""

    def __init__(self, pack: Pack) -> None:
        """Compile the forms of the systems."""
        content = pack.content
        self._listed = pack.codes
        self._parents = frozenset(content.prefix_systems)
        self._complete = _compiled(content.complete_systems)
        self._known = _compiled({**content.known_systems, **content.complete_systems})

    def listed(self, coding: Coding) -> Listed:
        """Return the sets that list this code, or its longest listed parent."""
        codes = self._listed.get(coding.system)
        if codes is None:
            return _NOWHERE
        found = codes.get(coding.code)
        if found is not None:
            return found
        return self._parent(codes, coding) if coding.system in self._parents else _NOWHERE

    def _parent(self, codes: Mapping[str, Listed], coding: Coding) -> Listed:
        for length in range(len(coding.code) - 1, _CATEGORY - 1, -1):
            found = codes.get(coding.code[:length])
            if found is not None:
                return found
        return _NOWHERE

    def settles(self, coding: Coding) -> bool:
        """Say whether the code decides, so that its display is not read."""
        return bool(self.listed(coding).sets) or self.complete(coding)

    def complete(self, coding: Coding) -> bool:
        """Say whether the code has the form of a system that the sets cover whole."""
        return _fits(self._complete, coding)

    def known(self, coding: Coding) -> bool:
        """Say whether the code has the form of a system that we know."""
        return _fits(self._known, coding)


def _compiled(forms: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    return {system: re.compile(form) for system, form in forms.items()}


def _fits(forms: Mapping[str, re.Pattern[str]], coding: Coding) -> bool:
    form = forms.get(coding.system)
    return form is not None and form.search(coding.code) is not None
