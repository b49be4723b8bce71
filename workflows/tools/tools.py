"""The port's adapter: calls tools of the catalog, async ones on the loop and all others in hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows.hosting.pool import HostPool
from workflows.ports import Secrets, ToolCall
from workflows.run import RunId
from workflows.tools.registry import ToolGroup, ToolRecord

Json = Any


@dataclass(frozen=True, slots=True)
class BoundTool:
    """A tool of the catalog with what is needed to call it."""

    group: ToolGroup
    record: ToolRecord
    live: Any = None  # the LangChain tool itself, when it runs on the server's loop


class CatalogTools:
    """Call tools by their names in the catalog.

    A tool on the loop is stopped at its next `await`: one that blocks in between blocks the server for as long, and
    its timeout comes too late. Nothing can be done about that from outside; make such a tool sync, and it runs in a
    host, which is killed with all its children.
    """

    def __init__(
        self,
        tools: Mapping[str, BoundTool],
        pool: HostPool,
        secrets: Secrets,
        *,
        work_directory: Callable[[RunId], Path] | None = None,
    ) -> None:
        """Take the bindings of a `LoadedCatalog`; `work_directory` tells where a run's sync tools work."""
        self._tools = dict(tools)
        self._pool = pool
        self._secrets = secrets
        self._work_directory = work_directory

    async def call(self, call: ToolCall) -> Json:
        """Return the tool's JSON result; raises `StepError`s, whose texts hold no value of a secret."""
        raise NotImplementedError
