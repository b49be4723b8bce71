"""Ports for a replay: a journal that keeps nothing, and artifacts that are only read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from workflows.errors import UnknownArtifact, UnknownRun
from workflows.ports import Artifact, ArtifactStore
from workflows.records import History, KeyKept, Question, Record
from workflows.run import RunId

Json = Any


class ForgetfulJournal:
    """Takes every record and keeps none."""

    def append(self, *records: Record) -> None:
        """Keep nothing."""

    async def commit(self, *records: Record) -> bool:
        """Keep nothing, and say that it is written."""
        del records
        return True

    async def durable(self) -> None:
        """Do not wait."""

    async def reopen(self, run_id: RunId) -> None:
        """Do nothing."""

    async def kept(self, key: str) -> KeyKept | None:
        """Return None: no request is answered from here."""
        del key

    async def history(self, run_id: RunId) -> History:
        """Raise `UnknownRun`."""
        del run_id
        raise UnknownRun

    async def question(self, run_id: RunId, interrupt_id: str) -> Question | None:
        """Return None: nobody is asked."""
        del run_id, interrupt_id


class ReadArtifacts:
    """Artifacts of a store that are read and never written: what would be kept is only measured."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def work_directory(self, run_id: RunId) -> Path:
        """Raise `UnknownArtifact`: nothing works here."""
        del run_id
        raise UnknownArtifact

    async def put(self, run_id: RunId, path: str, content: bytes, media_type: str) -> Artifact:
        """Return what keeping these bytes would say."""
        uri = f"specloom://runs/{run_id}/artifacts/{path}"
        return Artifact(uri, path, len(content), hashlib.sha256(content).hexdigest(), media_type)

    async def register(self, run_id: RunId, file: Path) -> Artifact:
        """Raise `UnknownArtifact`: nothing works here."""
        del run_id, file
        raise UnknownArtifact

    async def read(self, uri: str) -> bytes:
        """Return the bytes; raises `UnknownArtifact`."""
        return await self._store.read(uri)

    async def path_of(self, uri: str) -> Path:
        """Return a local file with the bytes; raises `UnknownArtifact`."""
        return await self._store.path_of(uri)
