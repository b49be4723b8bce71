"""The folder of artifacts: each run has a private directory, and nothing in it leads outside.

<data>/runs/<run>/work        where the run's stages work; files of it become artifacts where they lie
<data>/runs/<run>/artifacts   what the engine keeps: big results, logs of steps; nobody writes into these again
<data>/uploads                what somebody sent, by digest
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Collection
from functools import partial
from pathlib import Path

from anyio import open_file, to_thread

from spec_service.storage.forking_files import copy_work, link_kept
from workflows.errors import JournalError, UnknownArtifact
from workflows.failpoints import hit
from workflows.ports import UPLOADS, Artifact
from workflows.run import RunId

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_URI = re.compile(r"specloom://runs/(?P<run>[^/]+)/artifacts/(?P<path>.+)", re.DOTALL)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_PATH = 1024  # bytes
_CHUNK = 1 << 18  # bytes


class FolderArtifacts:
    """Artifacts as files below one folder."""

    def __init__(self, folder: Path, uploads: Path | None = None) -> None:
        """Take the folder of runs, and the one in which uploads lie."""
        self._folder = folder.resolve()
        self._uploads = uploads

    def work_directory(self, run_id: RunId) -> Path:
        """Return the directory in which the run's stages work; it exists."""
        path = self._run_directory(run_id) / "work"
        path.mkdir(parents=True, exist_ok=True)
        return path

    async def put(self, run_id: RunId, path: str, content: bytes, media_type: str) -> Artifact:
        """Keep bytes under a path, whole or not at all.

        Raises `UnknownArtifact` for a path that leads outside, `JournalError` when they cannot be written.
        """
        target = self._inside(self._run_directory(run_id) / "artifacts", path)
        try:
            await to_thread.run_sync(_write_whole, target, content)
        except OSError as error:  # no fault of the step's: its run is taken up again when there is room
            raise JournalError(
                f"the artifact {target} was not written: {error.strerror}; make room on the disk"
            ) from error
        return Artifact(uri_of(run_id, path), path, len(content), hashlib.sha256(content).hexdigest(), media_type)

    async def register(self, run_id: RunId, file: Path) -> Artifact:
        """Take a file of the work directory as an artifact, without copying it; raises `UnknownArtifact`."""
        work = self.work_directory(run_id).resolve()
        return await to_thread.run_sync(partial(_registered, run_id, work, file))

    async def read(self, uri: str) -> bytes:
        """Return the bytes; raises `UnknownArtifact`."""
        path = await to_thread.run_sync(self._find, uri)
        return await to_thread.run_sync(_read_regular, path)

    async def take_over(
        self, source: RunId, target: RunId, kept: Collection[str], wanted: Callable[[str, float], bool]
    ) -> frozenset[str]:
        """Link what the engine keeps, copy what stages wrote, and return the paths; raises `JournalError`."""
        old, new = self._run_directory(source), self._run_directory(target)
        try:
            linked = await to_thread.run_sync(link_kept, old / "artifacts", new / "artifacts", kept)
            copied = await to_thread.run_sync(copy_work, old / "work", new / "work", wanted)
        except OSError as error:
            await to_thread.run_sync(partial(shutil.rmtree, new, ignore_errors=True))
            raise JournalError(f"the files of run {source} were not copied: {error.strerror}") from error
        return frozenset(linked) | frozenset(copied)

    async def open(self, uri: str) -> AsyncGenerator[bytes]:
        """Return the bytes in chunks; raises `UnknownArtifact`."""
        return _chunks(await to_thread.run_sync(self._find, uri))

    def _run_directory(self, run_id: str) -> Path:
        if not _RUN_ID.fullmatch(run_id):
            raise UnknownArtifact
        return self._folder / run_id

    async def path_of(self, uri: str) -> Path:
        """Return the absolute path of the file with the bytes, only to be read; raises `UnknownArtifact`."""
        return (await to_thread.run_sync(self._find, uri)).absolute()  # whoever reads it works in another directory

    def _find(self, uri: str) -> Path:
        if uri.startswith(UPLOADS):
            return self._find_upload(uri.removeprefix(UPLOADS))
        match = _URI.fullmatch(uri)
        if match is None:
            raise UnknownArtifact
        run = self._run_directory(match["run"])
        for place in ("artifacts", "work"):
            path = self._inside(run / place, match["path"])
            if path.is_file():
                return path
        raise UnknownArtifact

    def _find_upload(self, digest: str) -> Path:
        path = self._uploads / digest if self._uploads and _DIGEST.fullmatch(digest) else None
        if path is None or not path.is_file():
            raise UnknownArtifact
        return path

    def _inside(self, root: Path, path: str) -> Path:
        """Return where a path lies; symbolic links are followed, and must not lead out of the run's directory."""
        parts = path.split("/")
        is_odd = any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)
        if is_odd or len(path.encode("utf-8", "surrogatepass")) > _MAX_PATH:
            raise UnknownArtifact
        try:
            real = root.joinpath(*parts).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise UnknownArtifact from error
        if not real.is_relative_to(root.resolve()):
            raise UnknownArtifact
        return real


def uri_of(run_id: str, path: str) -> str:
    """Return the URI of an artifact of a run."""
    return f"specloom://runs/{run_id}/artifacts/{path}"


def media_type_of(path: str) -> str:
    """Return the media type that a file's name tells."""
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


async def _chunks(path: Path) -> AsyncGenerator[bytes]:
    async with await open_file(path, "rb") as file:
        while chunk := await file.read(_CHUNK):
            yield chunk


def _registered(run_id: RunId, work: Path, file: Path) -> Artifact:
    real = (work / file).resolve()
    if not real.is_relative_to(work) or not real.is_file():
        raise UnknownArtifact
    path = real.relative_to(work).as_posix()
    with real.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        size = os.fstat(content.fileno()).st_size
    return Artifact(uri_of(run_id, path), path, size, digest, media_type_of(path))


def _write_whole(target: Path, content: bytes) -> None:
    """Write beside the target and rename, so that nobody ever sees half of it, not even after a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o400)  # stages and tools are given its path
            file.flush()
            os.fsync(file.fileno())
        hit("artifact.written")
        Path(name).replace(target)
        hit("artifact.renamed")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read_regular(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnknownArtifact from error
