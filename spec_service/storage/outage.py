"""The time in which nothing can be written: begun by a failed flush, ended by whatever is written next.

While nothing else wants to be written, a probe tries it: a small file's worth of rows, written and removed again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress

from structlog.stdlib import get_logger

from spec_service.errors import FencedOff
from spec_service.storage.database import Database
from translator.errors import SpecloomError
from workflows.errors import JournalError

PROBE_SECONDS = 1.0  # until the first probe; each one after it waits twice as long
MAX_PROBE_SECONDS = 8.0
PROBE_BYTES = 1 << 16  # less room than that is none: the next flush would fill it
log = get_logger("specloom.journal")


class Outage:
    """Whether there is one, why, and its end."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._reason: str | None = None
        self._is_for_good = False
        self._over = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._probes = 0  # since it began
        self._observers: list[Callable[[], None]] = []

    @property
    def reason(self) -> str | None:
        """Return why nothing can be written; None when there is no outage."""
        return self._reason

    def observe(self, observer: Callable[[], None]) -> None:
        """Call `observer` on the loop, outside any task, at the end of each outage."""
        self._observers.append(observer)

    def note(self, error: BaseException) -> str:
        """Take note of a failed write and return its reason; being fenced off is an outage without an end."""
        reason = error.message if isinstance(error, SpecloomError) else f"{type(error).__name__}: {error}"
        is_new, self._reason = self._reason is None, reason
        self._is_for_good = self._is_for_good or isinstance(error, FencedOff)
        if self._is_for_good:
            self._over.set()
        elif self._timer is None:
            self._over.clear()
            delay = min(PROBE_SECONDS * 2.0**self._probes, MAX_PROBE_SECONDS)
            self._timer = self._loop.call_later(delay, self._probe)
        if is_new:
            with suppress(Exception):  # who waits for the journal must hear of it, even if no log can be written
                log.error("journal.cannot-write", reason=reason)
        return reason

    def end(self) -> None:
        """Take note of a write that worked."""
        if self._reason is None or self._is_for_good:
            return
        self._reason, self._probes = None, 0
        with suppress(Exception):
            log.info("journal.writes-again")
        self.stop_probing()
        self._over.set()
        for observer in self._observers:
            observer()

    async def over(self) -> None:
        """Wait for the end of an outage, if there is one; raises `JournalError` when there will be none."""
        while self._reason is not None:
            if self._is_for_good:
                raise JournalError(self._reason)
            await self._over.wait()

    def stop_probing(self) -> None:
        """Probe no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _probe(self) -> None:
        self._probes = min(self._probes + 1, 10)
        self._database.write(_try_room).add_done_callback(self._after_probe)

    def _after_probe(self, probe: asyncio.Future[None]) -> None:
        self._timer = None
        if probe.cancelled():
            return
        error = probe.exception()
        if error is None:
            self.end()
        elif self._reason is not None:
            self.note(error)


def _try_room(connection: sqlite3.Connection) -> None:
    """Write and remove again; a transaction that grows nothing would succeed on a full disk as well."""
    connection.execute("CREATE TABLE probe (filler BLOB)")
    connection.execute("INSERT INTO probe VALUES (zeroblob(?))", (PROBE_BYTES,))
    connection.execute("DROP TABLE probe")
