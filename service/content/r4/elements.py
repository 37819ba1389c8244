"""StructureDefinition snapshots of R4 → JSON Schema definitions, one per complex type.

A definition says: an object, no unknown members, required ones present (a primitive by its value or
by its `_twin`), of a choice at most one. Besides standard keywords it carries notes that
`parse.shape` reads to name a fault: `element`, `rule`, `set`, `targets`.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from service.content.r4.primitives import ID, PRIMITIVES, Schema, or_null
from service.content.r4.rules import RULES

_ANY_TARGET: Final = frozenset(
    {"MedicationRequest.dispenseRequest.performer", "Observation.performer"}
)
"""Elements whose reference targets HL7's own examples overstep; nothing here acts on them."""

_SYSTEM: Final = "http://hl7.org/fhirpath/System."


class Element(NamedTuple):
    """One element of a snapshot, as far as the schema needs it."""

    path: str
    least: int
    many: bool
    types: tuple[str, ...]
    targets: tuple[str, ...]
    same_as: str
    value_set: str

    @property
    def name(self) -> str:
        """Return the last part of the path, without [x]."""
        return self.path.rpartition(".")[2].removesuffix("[x]")

    @property
    def is_choice(self) -> bool:
        """Say whether several types share this element."""
        return self.path.endswith("[x]")

    def members(self) -> dict[str, str]:
        """Return JSON member name → type code."""
        if not self.is_choice:
            return {self.name: self.types[0] if self.types else ""}
        return {self.name + code[:1].upper() + code[1:]: code for code in self.types}


Coded = Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]
"""Closed value sets: address → (system, codes) pairs."""


class Definitions:
    """Collects `$defs`, following the types that each definition names."""

    def __init__(
        self, snapshots: Mapping[str, list[Element]], sets: Coded, all_types: Iterable[str]
    ) -> None:
        """Start empty: a type is defined when first referred to."""
        self.found: dict[str, Schema] = {}
        self.choices: dict[str, str] = {}
        self.names: set[str] = set()
        self._snapshots = snapshots
        self._sets = sets
        self._all_types = sorted(all_types)

    def of_type(self, name: str) -> Schema:
        """Return a reference to a type's definition, making it at first use."""
        if name not in self.found:
            self.found[name] = {}  # a type may contain itself
            if name in PRIMITIVES:
                self.found[name] = PRIMITIVES[name]
            elif name == "Element?":
                self.found[name] = or_null(self._complex(self._snapshots["Element"], "Element"))
            else:
                self.found[name] = self._complex(self._snapshots[name], name)
        return _to(name)

    def _complex(self, snapshot: list[Element], path: str) -> Schema:
        depth = path.count(".") + 1
        children = [
            one
            for one in snapshot
            if one.path.startswith(f"{path}.") and one.path.count(".") == depth
        ]
        properties: dict[str, object] = {}
        for child in children:
            properties |= self._properties(snapshot, child)
        if any(child.name == "implicitRules" for child in children):  # a resource
            properties["resourceType"] = True
        self.names |= {name.removeprefix("_") for name in properties}
        schema: Schema = {
            "type": "object",
            "minProperties": 1,
            "properties": properties,
            "additionalProperties": False,
        }
        _add_demands(schema, children, path)
        return schema

    def _properties(self, snapshot: list[Element], child: Element) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, code in child.members().items():
            if child.is_choice:
                self.names.add(child.name)
                self.choices[name] = child.name
            if not _is_plain(child, code):
                found[name] = self._repeated(child, self._value(snapshot, child, code))
                continue
            found[name] = self._repeated(child, self._primitive(child, code))
            if not _is_attribute(code):
                twin = "Element?" if child.many else "Element"
                found[f"_{name}"] = self._repeated(child, self.of_type(twin))
        return found

    def _repeated(self, child: Element, schema: Schema) -> Schema:
        if not child.many:
            return schema
        return {"type": "array", "minItems": max(child.least, 1), "items": schema}

    def _primitive(self, child: Element, code: str) -> Schema:
        if child.value_set and code == "code":
            name = f"set.{child.value_set.rpartition('/')[2]}"
            codes = sorted({one for _, found in self._sets[child.value_set] for one in found})
            schema: Schema = {"enum": codes, "set": child.value_set}
        else:
            name = _primitive_name(child, code)
            schema = PRIMITIVES[name]
        if child.many:
            name, schema = f"{name}?", or_null(schema)
        self.found[name] = schema
        return _to(name)

    def _value(self, snapshot: list[Element], child: Element, code: str) -> Schema:
        if child.same_as:
            return self._nested(snapshot, child.same_as)
        if code in {"BackboneElement", "Element"}:
            return self._nested(snapshot, child.path)
        if code == "Resource":
            return {"type": "object"}  # judged on its own, by its own type
        if code == "Reference" and child.targets and child.path not in _ANY_TARGET:
            return {**self.of_type(code), "properties": {"reference": self._target(child.targets)}}
        if code == "CodeableConcept" and child.value_set:
            return {**self.of_type(code), "allOf": [self._coded(child.value_set)]}
        return self.of_type(code)

    def _nested(self, snapshot: list[Element], path: str) -> Schema:
        if path not in self.found:
            self.found[path] = {}
            self.found[path] = self._complex(snapshot, path)
        return _to(path)

    def _target(self, targets: tuple[str, ...]) -> Schema:
        end = rf"(?:/{ID}(?:/_history/{ID})?$|\?)"
        known = "|".join(self._all_types)
        self.found["typed"] = {
            "pattern": rf"^[A-Z][A-Za-z]{{1,63}}{end}|/(?:{known}){end}",
        }
        name = "to." + ".".join(targets)
        fitting: Schema = {"pattern": rf"(?:^|/)(?:{'|'.join(targets)}){end}"}
        self.found[name] = _demand(
            {"anyOf": [fitting, {"not": _to("typed")}]}, targets=", ".join(targets)
        )
        return _to(name)

    def _coded(self, value_set: str) -> Schema:
        coding = [
            {
                "required": ["system", "code"],
                "properties": {"system": {"const": system}, "code": {"enum": list(codes)}},
            }
            for system, codes in self._sets[value_set]
        ]
        said = {"anyOf": [{"required": ["coding"]}, {"required": ["text"]}]}
        inside = {
            "required": ["coding"],
            "properties": {"coding": {"contains": {"anyOf": coding}}},
        }
        return _demand({"anyOf": [{"not": said}, inside]}, set=value_set)


def _to(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _is_plain(child: Element, code: str) -> bool:
    return not child.same_as and (code in PRIMITIVES or code.startswith(_SYSTEM))


def _is_attribute(code: str) -> bool:
    """Say whether the element is an XML attribute, which takes no extensions."""
    return code.startswith(_SYSTEM)


def _primitive_name(child: Element, code: str) -> str:
    if child.path == "Attachment.hash":
        return "string"  # US Core's own example is no base64; nothing here compares it
    if code.startswith(_SYSTEM):
        return "uri" if child.path == "Extension.url" else "string"
    return code


def _present(child: Element) -> Schema:
    """Return what says that an element is there, in whichever form."""
    names: list[str] = []
    for name, code in child.members().items():
        twin = _is_plain(child, code) and not _is_attribute(code)
        names += [name, f"_{name}"] if twin else [name]
    one_of = [{"required": [name]} for name in names]
    return {"anyOf": one_of} if len(one_of) > 1 else {"required": names}


def _demand(holds: Schema, **note: str) -> Schema:
    """Return what says that a condition must hold, with the note that names the fault.

    As `if` and `else: false`, not as the condition itself: an `anyOf` that fails explains every
    alternative, which cost 2 ms for each extension with two values (measured).
    """
    return {"if": holds, "else": False, **note}


def _add_demands(schema: Schema, children: list[Element], path: str) -> None:
    """Add what must be there: required elements, at most one of a choice, invariants."""
    required: list[str] = []
    demands: list[Schema] = []
    for child in children:
        there = _present(child)
        if child.least and "required" in there:
            required.append(child.name)
        elif child.least:
            demands.append(_demand(there, element=child.name))
        if child.is_choice:
            demands.append(_demand(_at_most_one(child), choice=child.name))
    known = {child.name: _present(child) for child in children}
    rules = RULES.get(path, {})
    demands += [_demand(_rule(said, known), rule=key) for key, said in rules.items()]
    if required:
        schema["required"] = required
    if demands:
        schema["allOf"] = demands


def _at_most_one(child: Element) -> Schema:
    ways: list[Schema] = [{"not": _present(child)}]
    for name, code in child.members().items():
        names = [name, f"_{name}"] if _is_plain(child, code) else [name]
        one = [{"required": [each]} for each in names]
        ways.append({"anyOf": one} if len(one) > 1 else {"required": names})
    return {"oneOf": ways}


def _rule(said: tuple[str, ...], known: Mapping[str, Schema]) -> Schema:
    ways: list[Schema] = []
    for way in said:
        parts = [_part(word, known) for word in way.split()]
        ways.append(parts[0] if len(parts) == 1 else {"allOf": parts})
    return {"anyOf": ways}


def _part(word: str, known: Mapping[str, Schema]) -> Schema:
    if word.endswith(">=0"):
        return {"properties": {word.removesuffix(">=0"): {"minimum": 0}}}
    return {"not": known[word[1:]]} if word.startswith("!") else known[word]
