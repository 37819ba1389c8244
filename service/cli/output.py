"""How commands speak: results to stdout, talk to stderr, exit codes for scripts (UX §5).

Colour only where a person looks (a terminal, no `NO_COLOR`, no `--plain`); `--json` writes JSON
Lines of one versioned schema: `{"v": 1, "kind": …, …}`.
"""

from enum import IntEnum
from typing import Annotated, Final, NoReturn, cast

import msgspec
import typer
from rich.console import Console

SCHEMA_VERSION: Final = 1

AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines on stdout.")]
Plain = Annotated[bool, typer.Option("--plain", help="No colour, one line per result.")]


class Exit(IntEnum):
    """What a script learns from a command's end."""

    OK = 0
    FAULT = 1
    USAGE = 2
    UNKNOWN = 3


class Output:
    """Where one command's results and talk go."""

    def __init__(self, *, as_json: bool = False, plain: bool = False) -> None:
        self._as_json = as_json
        colour = True if plain else None
        self._out = Console(no_color=colour, highlight=False, soft_wrap=True)
        self._err = Console(no_color=colour, highlight=False, soft_wrap=True, stderr=True)

    def result(self, kind: str, **columns: object) -> None:
        """Write one result: a line of its columns, or one JSON object."""
        self.line(kind, "  ".join(_words(value) for value in columns.values()), **columns)

    def line(self, kind: str, words: str, **columns: object) -> None:
        """Write one result: these words, or one JSON object of its columns."""
        if self._as_json:
            told = msgspec.json.encode({"v": SCHEMA_VERSION, "kind": kind, **columns})
            words = told.decode()
        self._out.out(words)

    def say(self, sentence: str, *, style: str | None = None) -> None:
        """Talk to the person at the terminal."""
        self._err.print(sentence, style=style, markup=False)

    def fail(self, fault: str, repair: str, code: Exit = Exit.FAULT) -> NoReturn:
        """Say what went wrong and what to do, and end the command."""
        if self._as_json:
            self.result("failure", fault=fault, repair=repair)
        self._err.print(f"{fault}\n→ {repair}", style="bold red", markup=False)
        raise typer.Exit(code)


def _words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ",".join(str(one) for one in cast("tuple[object, ...]", value)) or "-"
        case None | "":
            return "-"
        case _:
            return str(value)
