"""The Parameters of our operations (PROTOCOL §2.3): read by name, strange ones refused by name."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.problems import Code, Problem, Refused

_AT: Final = "Parameters.parameter"


class Parameters:
    """The parameters of one call; each `take_…` reads one name, `done` refuses what is left.

    Raises:
        Refused: `parameters-form` with the name where a parameter is unknown, repeated where it
            must not be, or of another type.
    """

    def __init__(self, tree: Tree, allowed: Mapping[str, str]) -> None:
        """Sort the parameters by name.

        Args:
            tree: The Parameters resource, judged as R4 before; an empty tree means none.
            allowed: Name to the value member it has, as `valueCode`.
        """
        self._values: dict[str, list[Json]] = {}
        faults: list[Problem] = []
        for place, one in enumerate(items(tree.get("parameter"))):
            name = text(one, "name")
            member = allowed.get(name, "")
            if member and member in members(one):
                self._values.setdefault(name, []).append(members(one)[member])
            else:
                faults.append(Problem(Code.PARAMETERS_FORM, f"{_AT}[{place}]", member))
        if faults:
            raise Refused(*faults)

    def every(self, name: str) -> list[Json]:
        """Return all values of a parameter that may repeat."""
        return self._values.get(name, [])

    def one(self, name: str) -> Json:
        """Return the value of a parameter, None where it is absent."""
        found = self.every(name)
        if len(found) > 1:
            raise missing(name)
        return found[0] if found else None

    def text(self, name: str) -> str:
        """Return a code, string, instant or the text of a CodeableConcept; empty where absent."""
        value = self.one(name)
        return value if isinstance(value, str) else text(value, "text")

    def code(self, name: str, system: str) -> str:
        """Return the code of `system` in a CodeableConcept, empty where there is none."""
        return next(
            (
                text(one, "code")
                for one in items(members(self.one(name)).get("coding"))
                if text(one, "system") == system
            ),
            "",
        )

    def reference(self, name: str) -> str:
        """Return a reference, empty where absent."""
        return text(self.one(name), "reference")

    def references(self, name: str) -> list[str]:
        """Return the references of a parameter that may repeat."""
        return [text(one, "reference") for one in self.every(name)]

    def day(self, name: str) -> date | None:
        """Return a whole day, None where absent."""
        value = self.one(name)
        if value is None:
            return None
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise missing(name) from None


def missing(name: str) -> Refused:
    """Return the refusal of a call whose parameter is missing or cannot be read."""
    return Refused(Problem(Code.PARAMETERS_FORM, f"{_AT}.where(name='{name}')", name))
