"""LangGraph's checkpoints in the same database file, and what callers may see of them.

This module imports langgraph, which takes seconds; whoever needs a quick start imports it late.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from spec_service.ports import CheckpointNote
from spec_service.storage.cursors import read_cursor, write_cursor
from spec_service.storage.database import BUSY_SECONDS
from workflows.run import RunId

_CHANNEL = "state."  # how the compiled graph calls a channel of the spec


@asynccontextmanager
async def open_checkpointer(path: Path) -> AsyncGenerator[AsyncSqliteSaver]:
    """Open LangGraph's saver on a database file; what it stores is data, and is read back as nothing else."""
    async with aiosqlite.connect(path, timeout=BUSY_SECONDS) as connection:
        await connection.execute("PRAGMA synchronous=FULL")
        saver = AsyncSqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
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


def _config(run_id: RunId, checkpoint_id: str | None = None) -> RunnableConfig:
    configurable = {"thread_id": run_id, "checkpoint_ns": ""}
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
