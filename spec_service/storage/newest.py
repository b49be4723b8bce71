"""The newest checkpoints of the threads that live here, in memory, so that going on with one takes no read.

What is kept is what the database holds or is about to hold, sealed as it is stored. A checkpoint whose rows turned out
not to be written is never served: the caller reads instead. Only what is known for sure is kept: a thread is followed
from its first checkpoint, or from a read of its newest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from spec_service.storage.checkpoint_rows import CheckpointRow, Found, WriteRow

Branch = tuple[str, str]  # thread, namespace
MAX_BRANCHES = 512
MAX_BYTES = 32 * 1024  # of a checkpoint with its writes; a larger one is read when it is needed
MAX_NEW = 20_000


@dataclass(slots=True)
class _Entry:
    """A newest checkpoint, and how much of it is not durable yet."""

    row: CheckpointRow
    writes: dict[tuple[str, int], WriteRow] = field(default_factory=dict[tuple[str, int], WriteRow])
    bytes: int = 0
    unwritten: int = 0

    def wrote(self) -> None:
        """Take note that rows are durable."""
        self.unwritten -= 1


class NewestCheckpoints:
    """Follows threads; used on the loop only."""

    def __init__(self) -> None:
        self._entries: dict[Branch, _Entry] = {}  # the least recently used first
        self._new: dict[str, None] = {}
        self._reads: dict[Branch, object] = {}  # of which nothing was queued since they began

    def expect(self, thread_id: str) -> None:
        """Learn that a thread is new: the database has no checkpoint of it."""
        while len(self._new) >= MAX_NEW:
            del self._new[next(iter(self._new))]
        self._new[thread_id] = None

    def is_new(self, thread_id: str) -> bool:
        """Tell whether a thread certainly has no checkpoint."""
        return thread_id in self._new

    def get(self, branch: Branch) -> Found | None:
        """Return a newest checkpoint of which everything is durable; None: read it."""
        entry = self._entries.pop(branch, None)
        if entry is None or entry.unwritten:
            return None
        self._entries[branch] = entry
        return Found(entry.row, tuple(sorted(entry.writes.values(), key=_order)))

    def begin_read(self, branch: Branch) -> object:
        """Return a ticket for `end_read`."""
        ticket = self._reads[branch] = object()
        return ticket

    def end_read(self, branch: Branch, ticket: object, found: Found | None) -> None:
        """Follow a thread from its newest checkpoint as it was read, unless something of it was queued meanwhile."""
        if self._reads.get(branch) is not ticket:
            return
        del self._reads[branch]
        if found is not None:
            writes = {(one.task_id, one.position): one for one in found.writes}
            self._keep(_Entry(found.checkpoint, writes, sum(len(one.content) for one in found.writes)))

    def put(self, row: CheckpointRow) -> Callable[[], None] | None:
        """Take note of a queued checkpoint; return what to call when it is durable, None if it need not be told."""
        branch = (row.thread_id, row.namespace)
        self._reads.pop(branch, None)
        before = self._entries.get(branch)
        is_first = row.thread_id in self._new
        self._new.pop(row.thread_id, None)
        if before is None and not is_first:
            return None
        if before is not None and row.id <= before.row.id:
            self.forget(row.thread_id)
            return None
        entry = _Entry(row, unwritten=1)
        return entry.wrote if self._keep(entry) else None

    def put_writes(self, rows: list[WriteRow], *, replaces: bool) -> Callable[[], None] | None:
        """Take note of queued writes, as `put` does of a checkpoint."""
        branch = (rows[0].thread_id, rows[0].namespace)
        self._reads.pop(branch, None)
        entry = self._entries.get(branch)
        if entry is None or entry.row.id != rows[0].checkpoint_id:
            return None
        for row in rows:
            key = (row.task_id, row.position)
            if replaces or key not in entry.writes:
                entry.bytes += len(row.content)
                entry.writes[key] = row
        if entry.bytes > MAX_BYTES:
            self.forget(rows[0].thread_id)
            return None
        entry.unwritten += 1
        return entry.wrote

    def forget(self, thread_id: str) -> None:
        """Stop following a thread; it is read when it is needed."""
        self._new.pop(thread_id, None)
        for known in (self._entries, self._reads):
            for branch in [one for one in known if one[0] == thread_id]:
                del known[branch]

    def forget_all(self) -> None:
        """Stop following all threads."""
        self._new.clear()
        self._entries.clear()
        self._reads.clear()

    def _keep(self, entry: _Entry) -> bool:
        branch = (entry.row.thread_id, entry.row.namespace)
        self._entries.pop(branch, None)
        entry.bytes += len(entry.row.content) + len(entry.row.details)
        if entry.bytes > MAX_BYTES:
            return False
        while len(self._entries) >= MAX_BRANCHES:
            del self._entries[next(iter(self._entries))]
        self._entries[branch] = entry
        return True


def _order(row: WriteRow) -> tuple[str, str, int]:
    return row.task_path, row.task_id, row.position
