"""The log: listed keys only, no text of others, no value."""

import io
import json
import logging
from collections.abc import Generator

import pytest

from service import log


@pytest.fixture
def lines() -> Generator[io.BytesIO]:
    """A configured log that writes into memory, and an empty count of drops before and after."""
    stream = io.BytesIO()
    log.dropped.clear()
    log.configure(service="tpi-test", version="1", stream=stream)
    yield stream
    log.dropped.clear()


def said(lines: io.BytesIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_who_when_and_what(lines: io.BytesIO) -> None:
    log.logger().info("referral.received", referral_id="r-1", count=3)

    (line,) = said(lines)
    assert line.pop("ts")
    assert line == {
        "event": "referral.received",
        "level": "info",
        "service": "tpi-test",
        "version": "1",
        "referral_id": "r-1",
        "count": 3,
    }


def test_a_key_that_is_not_listed_is_dropped_and_counted(lines: io.BytesIO) -> None:
    log.logger().info("referral.received", patient="CANARY", count=1)

    assert b"CANARY" not in lines.getvalue()
    assert log.dropped == {"patient": 1}


def test_a_sentence_is_no_event(lines: io.BytesIO) -> None:
    log.logger().info("Received CANARY")

    assert said(lines)[0]["event"] == "event.unnamed"
    assert log.dropped == {"event": 1}


def test_an_exception_is_told_by_class_and_place_never_by_text(lines: io.BytesIO) -> None:
    try:
        int("CANARY")
    except ValueError:
        log.logger().exception("job.failed", problem="busy")

    assert b"CANARY" not in lines.getvalue()
    assert str(said(lines)[0]["problem"]).startswith("busy ValueError < test_log.py:")


def test_what_a_library_says_loses_its_text(lines: io.BytesIO) -> None:
    logging.getLogger("httpx2").info("GET http://x/Patient?name=CANARY")
    logging.getLogger("uvicorn.access").error("CANARY")
    logging.getLogger("asyncpg.pool").warning("CANARY %s", "CANARY")

    assert [line["event"] for line in said(lines)] == ["library.asyncpg"]
    assert b"CANARY" not in lines.getvalue()


def test_an_object_is_told_by_its_type(lines: io.BytesIO) -> None:
    log.logger().info("referral.received", problem={"name": "CANARY"})

    assert said(lines)[0]["problem"] == "dict"
