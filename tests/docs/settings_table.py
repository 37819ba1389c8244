"""The table of settings, made from the one class that has them.

python -m tests.docs.settings_table > docs/reference/settings.md
"""

import ast
import inspect
import re
import sys

from service import settings
from service.settings import Settings, variable

HEAD = """# Settings

Read once from the environment; a secret may also stand in a file that `NAME_FILE` names.
`tpi doctor --settings` prints those in force and where each comes from. Units are in the names;
`L…` is a row of [limits.md](limits.md). Made from `service/settings.py` by
`python -m tests.docs.settings_table`.

| variable | default | meaning |
| --- | --- | --- |
"""


def table() -> str:
    """Return the page."""
    meanings = _meanings()
    rows = [
        f"| `{variable(name, field)}` | {_default(field.default)} | {meanings.get(name, '')} |"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def _default(value: object) -> str:
    return "none" if value is None else f"`{value}`"


def _meanings() -> dict[str, str]:
    """Take each field's docstring, else the comment on its last line."""
    source = inspect.getsource(settings)
    lines = source.splitlines()
    fields = next(
        one for one in ast.parse(source).body
        if isinstance(one, ast.ClassDef) and one.name == Settings.__name__
    ).body  # fmt: skip
    found: dict[str, str] = {}
    for field, after in zip(fields, [*fields[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            comment = re.search(r"#\s*(.*)$", lines[(field.end_lineno or field.lineno) - 1])
            said = _docstring(after) or (comment[1] if comment else "")
            found[field.target.id] = said.replace("|", "/")
    return found


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


if __name__ == "__main__":
    sys.stdout.write(table())
