"""Turns: a few messages are worked on at once, the others wait in the order in which they came.

Work on a message is processor time for the most part. Many at once end no sooner, and each of them
as late as the last: taken in turn, the slowest of a hundred takes half as long
(docs/decisions/0023).
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from fhir_mappings.problems import Code, Problem, Refused

WAIT_SECONDS: Final = 2.0  # L30


class Turns:
    """The turns of one process."""

    def __init__(self, at_once: int, *, wait_seconds: float = WAIT_SECONDS) -> None:
        """Let so many work at once, and whoever waited so long (seconds) come again later."""
        self._free = asyncio.Semaphore(at_once)
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """Wait for a turn, and keep it while the block runs.

        Raises:
            Refused: `busy`, there was none in time.
        """
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError as full:
            raise Refused(Problem(Code.BUSY)) from full
        try:
            yield
        finally:
            self._free.release()
