"""Removes what nobody needs any more: a run that is long over keeps its last checkpoint only.

Uploads go that no run names which may go on, cached results that are expired, and signals that nobody took.

A failed or cancelled run keeps all of them for longer, to be looked at, and for ever those that a retry begins at.
Removed rows leave room for new ones inside the file, which does not shrink.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from structlog.stdlib import get_logger

from spec_service.storage.checkpoint_rows import keep_newest_if_over, read_over
from spec_service.storage.columns import DEFAULT_TENANT, time_text
from spec_service.storage.database import Database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.result_rows import sweep_results
from spec_service.storage.signal_rows import sweep_signals
from spec_service.storage.uploads import FolderUploads
from workflows.run import RunStatus

BATCH = 100  # runs of one flush, so that others need not wait long
INTERVAL_SECONDS = 60.0
log = get_logger("specloom.pruning")


@dataclass(frozen=True, slots=True)
class Grace:
    """How long runs keep all their checkpoints after their end, in seconds."""

    succeeded: float
    failed: float  # and cancelled
    uploads: float = 604_800.0  # after they were sent or named in inputs last

    def ends(self, now: datetime) -> dict[RunStatus, datetime]:
        """Return for each final status the time before which a run must have ended to be pruned."""
        failed = now - timedelta(seconds=self.failed)
        succeeded = now - timedelta(seconds=self.succeeded)
        return {RunStatus.SUCCEEDED: succeeded, RunStatus.FAILED: failed, RunStatus.CANCELLED: failed}


class Pruner:
    """Prunes the runs of one tenant, and what belongs to no run alone."""

    def __init__(
        self,
        database: Database,
        journal: SqlJournal,
        grace: Grace,
        uploads: FolderUploads | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        self._database, self._journal = database, journal
        self._grace, self._tenant = grace, tenant
        self._uploads = uploads

    async def keep_pruning(self) -> None:
        """Prune now and then every minute until cancelled; a failure is logged, and tried again."""
        while True:
            try:
                pruned = await self.prune(datetime.now(UTC))
                removed = await self.prune_shared(datetime.now(UTC))
            except Exception:
                log.exception("data.not-pruned")
            else:
                if pruned or removed:
                    log.info("data.pruned", runs=pruned, **removed)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def prune(self, now: datetime) -> int:
        """Prune every run whose grace is over, durably, and return how many there were; raises `JournalError`."""
        return sum([await self._prune(status, end) for status, end in self._grace.ends(now).items()])

    async def prune_shared(self, now: datetime) -> dict[str, int]:
        """Remove expired results, signals that are over and unused uploads; return how many there were of each."""
        found = {
            "results": await self._database.write(partial(sweep_results, now=now)),
            "signals": await self._database.write(partial(sweep_signals, now=now)),
        }
        if self._uploads is not None:
            found["uploads"] = await self._uploads.prune(now - timedelta(seconds=self._grace.uploads))
        return {name: count for name, count in found.items() if count}

    async def _prune(self, status: RunStatus, end: datetime) -> int:
        before, pruned = time_text(end) or "", 0
        while True:
            work = partial(read_over, tenant=self._tenant, status=status.value, before=before, limit=BATCH)
            found = await self._database.read(work)
            for run_id in found:
                # The run may have been retried since it was read: each statement looks at its status itself.
                self._journal.put(run_id, keep_newest_if_over(self._tenant, run_id, status.value, before))
            await self._journal.durable()
            pruned += len(found)
            if len(found) < BATCH:
                return pruned
