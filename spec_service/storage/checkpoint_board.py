"""What callers may see of the checkpoints of a run; a run's id is LangGraph's thread id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from spec_service.ports import CheckpointNote
from spec_service.storage.cursors import read_cursor, write_cursor
from workflows.run import RunId

_CHANNEL = "state."  # how the compiled graph calls a channel of the spec


class SaverCheckpoints:
    """Checkpoints of runs as a saver has them."""

    def __init__(self, saver: BaseCheckpointSaver[Any]) -> None:
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
