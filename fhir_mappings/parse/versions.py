"""If-Match and If-None-Match: which version a request means (FHIR R4 http.html#concurrency)."""


def version_of(header: str) -> int | None:
    r"""Read `W/"n"`, `"n"` or `n`, all the same; None for any other form (PROTOCOL §2.1)."""
    bare = header.strip().removeprefix("W/").strip()
    if bare.startswith('"') and bare.endswith('"') and len(bare) > 1:
        bare = bare[1:-1]
    short = bare.isascii() and bare.isdigit() and len(bare) <= 9  # noqa: PLR2004 - fits int4
    return int(bare) if short else None
