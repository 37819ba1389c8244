"""A hint after a commit, within one process: polling is the truth (DECISIONS 14)."""

import asyncio


class Wake:
    """Ends a worker's wait early; a hint that is lost only costs the wait."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def hint(self) -> None:
        """Say that work was committed."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a hint, at most this long."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()
