"""Put id, meta and rewritten references into a received text, and leave every other byte alone.

Source: DECISIONS 19. Parsing and encoding again would lose member order, number form and white
space; so the text is scanned once, and only three kinds of value are replaced at their place.
The text has passed the guard: it is one JSON object without duplicate members.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from fhir_mappings.model.json import Tree, encode
from fhir_mappings.model.moment import instant

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]')
_SPACE: Final = " \t\r\n"
_OWN: Final = re.compile(r'"(?:id|meta|[^"]*\\u[^"]*)"\s*:')
"""A member that may be id or meta, at any depth or spelt with escapes: then the text is scanned."""
_REFERENCE: Final = re.compile(r'(?<!\\)("reference"\s*:\s*)("(?:[^"\\]|\\.)*")')


class _Member(msgspec.Struct, frozen=True, gc=False):
    """One member: its name, depth (1 = of the resource), and where its value begins."""

    name: str
    depth: int
    start: int


def splice(
    text: str, *, rid: str, version: int, at: datetime, references: Mapping[str, str]
) -> str:
    """Return the text with this id, version and time, and with references replaced.

    Args:
        text: The received resource, a JSON object.
        rid: The id it has here.
        version: The version number it gets here.
        at: When this version was made.
        references: What stands there (decoded) to what shall stand there, for `reference` members.
    """
    if not _OWN.search(text):
        return _inserted(_referring(text, references), rid, version, at)
    cuts: list[tuple[int, int, str]] = []
    found: set[str] = set()
    for member in _members(text):
        if member.depth == 1 and member.name == "id":
            found.add("id")
            cuts.append((member.start, _end(text, member.start), json.dumps(rid)))
        elif member.depth == 1 and member.name == "meta":
            found.add("meta")
            end = _end(text, member.start)
            cuts.append((member.start, end, _meta(text[member.start : end], version, at)))
        elif member.name == "reference" and references:
            cuts.extend(_rewritten(text, member.start, references))
    head = "" if "id" in found else f'"id":{json.dumps(rid)},'
    head += "" if "meta" in found else f'"meta":{_meta("{}", version, at)},'
    brace = text.index("{") + 1
    return _cut(text, [(brace, brace, head), *cuts])


def authored(tree: Tree, *, rid: str, version: int, at: datetime) -> str:
    """Return the text of a resource that we made, with its id and version."""
    meta = tree.get("meta")
    kept: Tree = dict(meta) if isinstance(meta, dict) else {}
    body: Tree = {
        "resourceType": tree["resourceType"],
        "id": rid,
        "meta": {**kept, "versionId": str(version), "lastUpdated": instant(at)},
    }
    body |= {name: value for name, value in tree.items() if name not in body}
    return encode(body).decode()


def _inserted(text: str, rid: str, version: int, at: datetime) -> str:
    """Put id and meta first into a text that has neither: what most senders write."""
    before, _, after = text.partition("{")
    return f'{before}{{"id":{json.dumps(rid)},"meta":{_meta("{}", version, at)},{after}'


def _referring(text: str, references: Mapping[str, str]) -> str:
    """Replace the values of `reference` members; inside a string the quotes are escaped."""
    if not references:
        return text

    def new(found: re.Match[str]) -> str:
        there = references.get(json.loads(found[2]))
        return found[0] if there is None else found[1] + json.dumps(there)

    return _REFERENCE.sub(new, text)


def _meta(text: str, version: int, at: datetime) -> str:
    kept: Tree = msgspec.json.decode(text)
    return encode({**kept, "versionId": str(version), "lastUpdated": instant(at)}).decode()


def _rewritten(
    text: str, start: int, references: Mapping[str, str]
) -> Iterator[tuple[int, int, str]]:
    if text[start] != '"':
        return
    end = _end(text, start)
    new = references.get(json.loads(text[start:end]))
    if new is not None:
        yield start, end, json.dumps(new)


def _members(text: str) -> Iterator[_Member]:
    """Yield every object member in document order; its value starts at a non-blank character."""
    depth = 0
    last: re.Match[str] | None = None
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        elif mark == ":" and last is not None:
            start = token.end()
            while text[start] in _SPACE:
                start += 1
            name = last.group()
            yield _Member(json.loads(name) if "\\" in name else name[1:-1], depth, start)
        last = token if mark == '"' else None


def _end(text: str, start: int) -> int:
    """Return where the string, object or array that begins at `start` ends."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        mark = text[token.start()]
        depth += (mark in "{[") - (mark in "}]")
        if depth == 0:
            return token.end()
    msg = "the text is not one JSON value"
    raise ValueError(msg)


def _cut(text: str, cuts: list[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end, new in cuts:
        parts += [text[done:start], new]
        done = end
    parts.append(text[done:])
    return "".join(parts)
