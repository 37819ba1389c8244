"""SQL by its verb: one statement a file below `sql/`, read once."""

from functools import cache
from importlib.resources import files


@cache
def sql(verb: str) -> str:
    """Return the statement `sql/<verb>.sql`; a verb without a file is a fault of ours."""
    return (files("service.store") / "sql" / f"{verb}.sql").read_text(encoding="utf-8")


def verbs() -> tuple[str, ...]:
    """Name every statement there is, for the test that prepares each."""
    folder = files("service.store") / "sql"
    return tuple(
        sorted(
            one.name.removesuffix(".sql") for one in folder.iterdir() if one.name.endswith(".sql")
        )
    )
