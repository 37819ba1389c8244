"""The told stories as files: one HTML page to read, and every resource that was exchanged."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from fhir_mappings.model.json import Json, encode, text
from service.clients.server import Exchange
from service.loop.cast import Telling

_STYLE: Final = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #212b32; background: #fff }
h2 { margin-top: 2.5rem; border-top: 4px solid #005eb8; padding-top: .5rem }
li { margin: .6rem 0 } .seconds { color: #4c6272; font-size: .875rem; white-space: nowrap }
details { margin: .25rem 0 .25rem 1rem } summary { cursor: pointer; color: #005eb8 }
pre { overflow: auto; max-height: 24rem; padding: .75rem; background: #f0f4f5; font-size: .8125rem }
@media (prefers-color-scheme: dark) { body { color: #f0f4f5; background: #17202a }
  pre { background: #243342 } summary { color: #6fb7ff } .seconds { color: #aebdc8 } }
"""


def write_story(folder: Path, tellings: Sequence[Telling], *, made: str) -> Path:
    """Write `index.html` and one JSON file per exchange below `folder`; return the page.

    `made` says when and with what, in words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "exchanges").mkdir(exist_ok=True)
    for old in (folder / "exchanges").glob("*.json"):
        old.unlink()
    for number, telling in enumerate(tellings, start=1):
        for name, exchange in _named(number, telling):
            kept = {"sent": exchange.sent, "received": exchange.received}
            (folder / "exchanges" / name).write_bytes(_pretty(kept))
    page = folder / "index.html"
    page.write_text(_page(tellings, made), encoding="utf-8")
    return page


def _named(number: int, telling: Telling) -> list[tuple[str, Exchange]]:
    every = [exchange for step in telling.steps for exchange in step.exchanges]
    return [
        (f"{number}-{index:03d}-{exchange.method.lower()}-{_what(exchange)}.json", exchange)
        for index, exchange in enumerate(every, start=1)
    ]


def _what(exchange: Exchange) -> str:
    """Name an exchange by the type that came back, in characters that every file system takes."""
    received = exchange.received if isinstance(exchange.received, dict) else {}
    return text(received, "resourceType") or str(exchange.status)


def _pretty(tree: Json) -> bytes:
    return json.dumps(json.loads(encode(tree)), indent=1, ensure_ascii=False).encode() + b"\n"


def _page(tellings: Sequence[Telling], made: str) -> str:
    parts = "".join(_story(telling) for telling in tellings)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>One referral through the whole loop</title><style>{_STYLE}</style></head><body>"
        f"<h1>One referral through the whole loop</h1><p>{escape(made)}</p>"
        "<p>Every person here is synthetic. This is no medical device: it supports a clinician's"
        f" decision.</p>{parts}</body></html>\n"
    )


def _story(telling: Telling) -> str:
    steps = "".join(
        f'<li>{escape(step.sentence)} <span class="seconds">{step.seconds:.2f} s</span>'
        f"{''.join(_exchange(one) for one in step.exchanges)}</li>"
        for step in telling.steps
    )
    return f"<section><h2>{escape(telling.title)}</h2><ol>{steps}</ol></section>"


def _exchange(exchange: Exchange) -> str:
    head = f"{exchange.who}: {exchange.method} {exchange.url} → {exchange.status}"
    sent = "" if exchange.sent is None else f"<pre>{escape(_pretty(exchange.sent).decode())}</pre>"
    received = f"<pre>{escape(_pretty(exchange.received).decode())}</pre>"
    return f"<details><summary>{escape(head)}</summary>{sent}{received}</details>"
