"""LangGraph's checkpoints in the same database file, written by the journal, and what callers may see of them.

A saver with a connection of its own would fight with the journal for SQLite's one write lock, and a step's record
could be durable before the checkpoint that it derives from. So checkpoints are queued with the records, in one order.

This module imports langgraph, which takes seconds; whoever needs a quick start imports it late.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.checkpoint.sqlite.utils import load_pending_writes, pending_writes_sql

from spec_service.ports import CheckpointNote
from spec_service.storage.cursors import read_cursor, write_cursor
from spec_service.storage.database import BUSY_SECONDS, Database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.statements import Statement
from workflows.run import RunId

_CHANNEL = "state."  # how the compiled graph calls a channel of the spec


_PUT = (
    "INSERT OR REPLACE INTO checkpoints"
    " (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_PUT_WRITE = (
    "INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


_GET = "SELECT * FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?"
_GET_WRITES = pending_writes_sql(True)


class JournalSaver(AsyncSqliteSaver):
    """LangGraph's saver for SQLite, except that the journal writes.

    What is put is durable with the run's next flush; whoever starts an effect waits for that anyway. Reads wait for
    what is queued.
    """

    def __init__(self, connection: aiosqlite.Connection, journal: SqlJournal, database: Database) -> None:
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._journal = journal
        self._database = database

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with what its tasks wrote, the newest one when none is named; None for none."""
        thread_id, place = _thread(config), config.get("configurable", {})
        await self._journal.settle(thread_id)
        key = (thread_id, str(place.get("checkpoint_ns", "")), get_checkpoint_id(config))
        row, writes = await self._database.read(partial(_read_checkpoint, key=key))
        if row is None:
            return None
        parent = row["parent_checkpoint_id"]
        return CheckpointTuple(
            _config(RunId(thread_id), row["checkpoint_id"], key[1]),
            self.serde.loads_typed((row["type"], row["checkpoint"])),
            json.loads(row["metadata"]) if row["metadata"] is not None else {},
            _config(RunId(thread_id), parent, key[1]) if parent else None,
            load_pending_writes([tuple(one) for one in writes], self.serde),
        )

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first."""
        if config is not None:
            await self._journal.settle(_thread(config))
        async for found in super().alist(config, filter=filter, before=before, limit=limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Queue a checkpoint."""
        del new_versions
        place: dict[str, Any] = config.get("configurable", {})
        thread_id, namespace = _thread(config), str(place.get("checkpoint_ns", ""))
        type_, content = self.serde.dumps_typed(checkpoint)
        notes = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode("utf-8", "ignore")
        parent = place.get("checkpoint_id")
        values = (thread_id, namespace, checkpoint["id"], parent, type_, content, notes)
        self._journal.put(thread_id, (Statement(_PUT, values),))
        return _config(RunId(thread_id), checkpoint["id"], namespace)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Queue what a task wrote; special writes replace, others stay as they were first."""
        place: dict[str, Any] = config.get("configurable", {})
        thread_id = _thread(config)
        key = (thread_id, str(place.get("checkpoint_ns", "")), str(place["checkpoint_id"]), task_id, task_path)
        is_special = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        sql = f"INSERT OR {'REPLACE' if is_special else 'IGNORE'} {_PUT_WRITE}"
        rows = [
            Statement(sql, (*key, WRITES_IDX_MAP.get(channel, index), channel, *self.serde.dumps_typed(value)))
            for index, (channel, value) in enumerate(writes)
        ]
        if rows:
            self._journal.put(thread_id, tuple(rows))


@asynccontextmanager
async def open_checkpointer(database: Database, journal: SqlJournal) -> AsyncGenerator[JournalSaver]:
    """Open LangGraph's saver on a database file; what it stores is data, and is read back as nothing else."""
    async with aiosqlite.connect(database.path, timeout=BUSY_SECONDS) as connection:
        await connection.execute("PRAGMA synchronous=FULL")
        saver = JournalSaver(connection, journal, database)
        await saver.setup()
        yield saver


class SaverCheckpoints:
    """Checkpoints of runs as a saver has them; a run's id is LangGraph's thread id."""

    def __init__(self, saver: AsyncSqliteSaver) -> None:
        self._saver = saver

    async def values(self, run_id: RunId) -> tuple[Mapping[str, Any], CheckpointNote] | None:
        """Return the channels of the newest checkpoint; None when there is none."""
        found = await self._saver.aget_tuple(_config(run_id))
        if found is None:
            return None
        channels: dict[str, Any] = found.checkpoint["channel_values"]
        values = {key.removeprefix(_CHANNEL): one for key, one in channels.items() if key.startswith(_CHANNEL)}
        return values, _note(found)

    async def page(
        self, run_id: RunId, before: str | None, limit: int
    ) -> tuple[tuple[CheckpointNote, ...], str | None]:
        """Return checkpoints, the newest first, and the cursor of the next page; raises `BadCursor`."""
        last = read_cursor(before)
        older = _config(run_id, last) if last is not None else None
        found = [_note(one) async for one in self._saver.alist(_config(run_id), before=older, limit=limit + 1)]
        items = tuple(found[:limit])
        return items, write_cursor(items[-1].id) if len(found) > limit else None


def _read_checkpoint(
    connection: sqlite3.Connection, *, key: tuple[str, str, str | None]
) -> tuple[sqlite3.Row | None, list[sqlite3.Row]]:
    """Read all in one go: LangGraph's own saver takes six hops to its thread for the same."""
    thread_id, namespace, checkpoint_id = key
    if checkpoint_id is None:
        found = connection.execute(f"{_GET} ORDER BY checkpoint_id DESC LIMIT 1", (thread_id, namespace))
    else:
        found = connection.execute(f"{_GET} AND checkpoint_id = ?", (thread_id, namespace, checkpoint_id))
    row = found.fetchone()
    if row is None:
        return None, []
    return row, connection.execute(_GET_WRITES, (thread_id, namespace, row["checkpoint_id"])).fetchall()


def _thread(config: RunnableConfig) -> str:
    return str(config.get("configurable", {})["thread_id"])


def _config(run_id: RunId, checkpoint_id: str | None = None, namespace: str = "") -> RunnableConfig:
    configurable = {"thread_id": run_id, "checkpoint_ns": namespace}
    if checkpoint_id is not None:
        configurable["checkpoint_id"] = checkpoint_id
    return {"configurable": configurable}


def _note(found: CheckpointTuple) -> CheckpointNote:
    parent = (found.parent_config or {}).get("configurable", {}).get("checkpoint_id")
    return CheckpointNote(
        id=found.checkpoint["id"],
        parent=parent,
        step=found.metadata.get("step", 0),
        source=found.metadata.get("source", ""),
        at=datetime.fromisoformat(found.checkpoint["ts"]),
    )
