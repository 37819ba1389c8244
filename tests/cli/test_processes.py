"""What starts processes can be stopped at any moment and leaves none of them behind."""

import signal

import pytest

from service.cli.processes import held_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_within_the_block_comes_after_it(number: signal.Signals) -> None:
    done: list[str] = []
    # of both: a shell starts what runs in its background with SIGINT ignored
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            _started_while_asked_to_stop(number, done)
    finally:
        signal.signal(number, before)

    assert done == ["started"]


def _started_while_asked_to_stop(number: signal.Signals, done: list[str]) -> None:
    with held_signals():
        signal.raise_signal(number)
        done.append("started")


def test_the_handlers_are_as_they_were_after_the_block() -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with held_signals():
        pass

    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
