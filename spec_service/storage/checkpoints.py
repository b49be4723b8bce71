"""LangGraph's checkpoints in our own tables, written by the journal in one order with the records of their runs.

A saver with a connection of its own would fight with the journal for SQLite's one write lock, and a step's record
could be durable before the checkpoint that it derives from. So checkpoints are queued with the records.

What is read back is data and nothing else: a row that names code is not executed, whatever it says.

This module imports langgraph, which takes seconds; whoever needs a quick start imports it late.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from spec_service.storage.checkpoint_rows import (
    CheckpointRow,
    Found,
    Wanted,
    WriteRow,
    forget_run,
    forget_thread,
    keep_newest,
    put_checkpoint,
    put_write,
    read_many,
    read_one,
)
from spec_service.storage.columns import DEFAULT_TENANT
from spec_service.storage.database import Database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.newest import NewestCheckpoints
from spec_service.storage.sealing import CheckpointUnreadable, Place, PlainSealer, Sealer
from workflows.records import Record, RunCreated

PAGE = 100  # checkpoints that are read at a time
_FORMATS = frozenset({"null", "bytes", "bytearray", "msgpack"})  # the serializer knows others, which make objects
_NOBODYS_TASK = "00000000-0000-0000-0000-000000000000"  # LangGraph's id for what no task wrote
_NO_WRITES = "__no_writes__"
_DAMAGED = "a checkpoint is damaged: look after the disk, and restore a backup"


class JournalSaver(BaseCheckpointSaver[int]):
    """A saver of LangGraph, complete, for async use only.

    What is put is durable with the run's next flush; whoever starts an effect waits for that anyway. Reads wait for
    what is queued of the thread. The documentation of LangGraph's `DeltaChannel` applies to what removes checkpoints.
    """

    def __init__(
        self,
        database: Database,
        journal: SqlJournal,
        sealer: Sealer | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        super().__init__(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._database, self._journal, self._tenant = database, journal, tenant
        self._sealer: Sealer = sealer or PlainSealer()
        self._newest = NewestCheckpoints()
        self._keeps_results = True
        self._variants: dict[frozenset[tuple[str, ...]], BaseCheckpointSaver[int]] = {}

    def observe(self, records: Sequence[Record]) -> None:
        """Learn from durable records which threads are new."""
        for record in records:
            if isinstance(record, RunCreated) and self._journal.creates(record.run.id):
                self.expect(record.run.id)

    def expect(self, thread_id: str) -> None:
        """Learn that a thread is new: nothing was ever put for it."""
        self._newest.expect(thread_id)

    def without_results(self) -> JournalSaver:
        """Return the same saver for graphs whose nodes answer from rows of ours when they are entered again.

        It does not keep what tasks wrote before the next checkpoint holds it, except interrupts, answers and errors.
        """
        clone = copy.copy(self)
        clone._keeps_results = False  # noqa: SLF001 - it is one of us
        clone._variants = {}  # noqa: SLF001
        return clone

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> BaseCheckpointSaver[int]:
        """Return the same saver for a graph that declares types, which LangGraph asks for at every run."""
        key = frozenset(extra_allowlist)
        if key not in self._variants:
            self._variants[key] = super().with_allowlist(extra_allowlist)
        return self._variants[key]

    # --- reading ---------------------------------------------------------------------------------------------------

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with what its tasks wrote, the newest one when none is named; None for none."""
        thread_id, namespace, checkpoint_id = _place(config)
        if self._journal.creates(thread_id):  # whoever executes a run does not wait for that
            self._newest.expect(thread_id)
        if self._newest.is_new(thread_id):
            return None
        await self._journal.settle(thread_id)
        found = None if checkpoint_id else self._newest.get((thread_id, namespace))
        if found is None:
            found = await self._read(thread_id, namespace, checkpoint_id)
        return None if found is None else self._tuple(found)

    async def _read(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> Found | None:
        work = partial(
            read_one, tenant=self._tenant, thread_id=thread_id, namespace=namespace, checkpoint_id=checkpoint_id
        )
        if checkpoint_id:
            return await self._database.read(work)
        ticket = self._newest.begin_read((thread_id, namespace))
        found = await self._database.read(work)
        self._newest.end_read((thread_id, namespace), ticket, found)
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first; without a config those of all threads that are durable."""
        wanted, left = _wanted(config, before), limit
        if wanted.thread_id is not None:
            await self._journal.settle(wanted.thread_id)
        while left is None or left > 0:
            size = PAGE if left is None or filter else min(left, PAGE)
            page = await self._database.read(partial(read_many, tenant=self._tenant, wanted=wanted, limit=size))
            for found in page:
                one = self._tuple(found)
                if not _fits(one.metadata, filter):
                    continue
                yield one
                left = None if left is None else left - 1
                if left == 0:
                    return
            if len(page) < size:
                return
            last = page[-1].checkpoint
            wanted = wanted._replace(after=(last.id, last.thread_id, last.namespace))

    # --- writing ---------------------------------------------------------------------------------------------------

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Queue a checkpoint."""
        del new_versions
        thread_id, namespace, parent_id = _place(config)
        details: dict[str, Any] = cast("dict[str, Any]", get_checkpoint_metadata(config, metadata))
        format_, content = self.serde.dumps_typed(checkpoint)
        run_id = details.get("run_id")
        row = CheckpointRow(
            thread_id,
            namespace,
            checkpoint["id"],
            parent_id,
            None if run_id is None else str(run_id),
            self._sealer.key_id,
            format_,
            content,
            json.dumps(details, ensure_ascii=False).encode("utf-8", "ignore"),
        )
        row = self._sealed(row)
        written = self._newest.put(row)
        self._journal.put(thread_id, (put_checkpoint(self._tenant, row),), written)
        return _config(thread_id, namespace, row.id)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Queue what a task wrote; special writes replace, others stay as they were first."""
        if not writes or not (self._keeps_results or _is_needed(writes, task_id)):
            return
        thread_id, namespace, checkpoint_id = _place(config)
        replaces = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        key_id, rows = self._sealer.key_id, list[WriteRow]()
        for index, (channel, value) in enumerate(writes):
            format_, content = self.serde.dumps_typed(value)
            position = WRITES_IDX_MAP.get(channel, index)
            place = (thread_id, namespace, checkpoint_id or "", task_id, position, task_path, channel)
            rows.append(self._sealed_write(WriteRow(*place, key_id, format_, bytes(content))))
        written = self._newest.put_writes(rows, replaces=replaces)
        statements = tuple(put_write(self._tenant, row, replaces=replaces) for row in rows)
        self._journal.put(thread_id, statements, written)

    # LangGraph inspects this signature at every run, which takes longer than queueing a checkpoint.
    aput_writes.__signature__ = inspect.signature(aput_writes)  # pyright: ignore[reportFunctionMemberAccess]

    # --- removing and copying --------------------------------------------------------------------------------------

    async def adelete_thread(self, thread_id: str) -> None:
        """Remove all checkpoints of a thread, and wait until that is durable."""
        self._newest.forget(thread_id)
        self._journal.put(thread_id, forget_thread(self._tenant, thread_id))
        await self._journal.durable()

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Remove the checkpoints whose metadata carry one of LangGraph's run ids, and wait until that is durable."""
        self._newest.forget_all()
        for run_id in run_ids:
            self._journal.put(run_id, forget_run(self._tenant, run_id))
            await self._journal.durable()

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints of a thread to another one, sealed for it, and wait until they are durable."""
        await self._journal.settle(source_thread_id)
        wanted = Wanted(thread_id=source_thread_id)
        everything = await self._database.read(partial(read_many, tenant=self._tenant, wanted=wanted, limit=-1))
        statements = [one for found in everything for one in self._copied(found, target_thread_id)]
        self._newest.forget(target_thread_id)
        if statements:
            self._journal.put(target_thread_id, tuple(statements))
            await self._journal.durable()

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep the newest checkpoint of each namespace (`keep_latest`), or none (`delete`), durably."""
        if strategy not in {"keep_latest", "delete"}:
            raise ValueError(f"unknown strategy: {strategy}")
        for thread_id in thread_ids:
            if strategy == "delete":
                await self.adelete_thread(thread_id)
                continue
            self._journal.put(thread_id, keep_newest(self._tenant, thread_id))
            await self._journal.durable()

    def _copied(self, found: Found, thread_id: str) -> list[Any]:
        row = self._sealed(self._opened(found.checkpoint)._replace(thread_id=thread_id, key_id=self._sealer.key_id))
        statements = [put_checkpoint(self._tenant, row)]
        for one in found.writes:
            opened = self._opened_write(one)._replace(thread_id=thread_id, key_id=self._sealer.key_id)
            statements.append(put_write(self._tenant, self._sealed_write(opened), replaces=True))
        return statements

    # --- rows and values -------------------------------------------------------------------------------------------

    def _tuple(self, found: Found) -> CheckpointTuple:
        row = self._opened(found.checkpoint)
        parent = _config(row.thread_id, row.namespace, row.parent_id) if row.parent_id else None
        return CheckpointTuple(
            _config(row.thread_id, row.namespace, row.id),
            self._loaded(row.format, row.content),
            self._details(row),
            parent,
            [
                (one.task_id, one.channel, self._loaded(one.format, self._opened_write(one).content))
                for one in found.writes
            ],
        )

    def _loaded(self, format_: str, content: bytes) -> Any:
        if format_ not in _FORMATS:
            raise CheckpointUnreadable(f"a checkpoint has the format {format_!r}, which is never written here")
        try:
            return self.serde.loads_typed((format_, content))
        except Exception as error:  # whatever damaged bytes make of a reader
            raise CheckpointUnreadable(f"{_DAMAGED} ({type(error).__name__})") from error

    def _details(self, row: CheckpointRow) -> Any:
        try:
            return json.loads(row.details)
        except ValueError as error:
            raise CheckpointUnreadable(_DAMAGED) from error

    def _sealed(self, row: CheckpointRow) -> CheckpointRow:
        if row.key_id is None:
            return row
        content, details = (self._sealer.seal(place, one) for place, one in _parts(row))
        return row._replace(content=content, details=details)

    def _opened(self, row: CheckpointRow) -> CheckpointRow:
        content, details = (self._sealer.open(row.key_id, place, one) for place, one in _parts(row))
        return row._replace(content=content, details=details)

    def _sealed_write(self, row: WriteRow) -> WriteRow:
        return row if row.key_id is None else row._replace(content=self._sealer.seal(_place_of(row), row.content))

    def _opened_write(self, row: WriteRow) -> WriteRow:
        return row._replace(content=self._sealer.open(row.key_id, _place_of(row), row.content))


def _parts(row: CheckpointRow) -> tuple[tuple[Place, bytes], tuple[Place, bytes]]:
    """Return what of a checkpoint is sealed, each with its place."""
    key = (row.thread_id, row.namespace, row.id, row.parent_id or "", row.format)
    return (("checkpoint", *key), row.content), (("details", *key), row.details)


def _place_of(row: WriteRow) -> Place:
    task = (row.task_id, str(row.position), row.task_path, row.channel, row.format)
    return ("write", row.thread_id, row.namespace, row.checkpoint_id, *task)


def _is_needed(writes: Sequence[tuple[str, Any]], task_id: str) -> bool:
    """Tell whether writes hold more than what a node would write again: interrupts, answers, errors, other graphs."""
    if task_id == _NOBODYS_TASK:
        return True
    return any(channel.startswith("__") and channel != _NO_WRITES for channel, _ in writes)


def _fits(metadata: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    return all(metadata.get(key) == value for key, value in (wanted or {}).items())


def _wanted(config: RunnableConfig | None, before: RunnableConfig | None) -> Wanted:
    end = _place(before)[2] if before is not None else None
    if config is None:
        return Wanted(before=end)
    place: dict[str, Any] = config.get("configurable", {})
    namespace = place.get("checkpoint_ns")
    return Wanted(str(place["thread_id"]), namespace, place.get("checkpoint_id") or None, end)


def _place(config: RunnableConfig) -> tuple[str, str, str | None]:
    """Return thread, namespace and checkpoint of a configuration."""
    place: dict[str, Any] = config.get("configurable", {})
    return str(place["thread_id"]), str(place.get("checkpoint_ns", "")), place.get("checkpoint_id") or None


def _config(thread_id: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}}
