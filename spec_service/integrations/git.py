"""Commits one file to a branch of a git repository, with dulwich: no program starts, no hook runs, nothing is forced.

The branch is fetched into a bare repository of our own, the new tree is made there, object by object, and the branch is
moved only if it still is where it was. If somebody was quicker, everything begins again with what they wrote.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
from anyio import to_thread
from dulwich.client import GitClient, HttpGitClient, LocalGitClient
from dulwich.config import ConfigFile
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository, SendPackError
from dulwich.file import FileLocked
from dulwich.objects import ZERO_SHA, Blob, Commit, Tree
from dulwich.repo import Repo

from spec_service.errors import PathNotAllowed, PublishFailed, PublishUnavailable
from spec_service.integrations.publish_table import PublishTarget
from spec_service.ports import Committed, FileToCommit

_FOLDER, _FILES = 0o040000, (0o100644, 0o100755)
_HEAD: Any = b"HEAD"
_ATTEMPTS = 8
_SECONDS = 60.0
_HTTP_SECONDS = 20.0
Sha = Any  # dulwich's ObjectID: 40 hexadecimal digits as bytes


class _MovedOnError(Exception):
    """The branch is no longer where it was when it was fetched."""


class GitPublisher:
    """One branch of one repository."""

    def __init__(self, target: PublishTarget, folder: Path, environ: Mapping[str, str]) -> None:
        """Keep a copy of the branch below `folder`; a token is looked up in `environ`."""
        self._target = target
        self._folder = folder / hashlib.sha256(target.repository.encode()).hexdigest()[:16]
        self._environ = environ
        self._ref: Any = f"refs/heads/{target.branch}".encode()
        self._turn = Lock()  # held by threads: one that was given up on may still be at work

    @property
    def root(self) -> str:
        """Return the folder of the repository that publications stay in."""
        return self._target.root

    async def commit(self, file: FileToCommit) -> Committed:
        """Commit a file; raises `PublishUnavailable`, `PublishFailed`, `PathNotAllowed`, and what its check raises."""
        try:
            with anyio.fail_after(_SECONDS):
                return await to_thread.run_sync(self._commit, file, abandon_on_cancel=True)
        except TimeoutError as error:
            raise PublishFailed(f"the repository did not answer within {_SECONDS:.0f} seconds") from error

    def _commit(self, file: FileToCommit) -> Committed:
        if not self._turn.acquire(timeout=_SECONDS):
            raise PublishFailed("another publication is still on its way")
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._attempt(file)
                except _MovedOnError:
                    time.sleep(0.02 * 2**attempt)
                except KeyError:  # our copy lacks an object: it was cut off while it was fetched
                    shutil.rmtree(self._folder, ignore_errors=True)
            raise PublishFailed(f"the branch moved {_ATTEMPTS} times while the commit was made")
        except (SendPackError, GitProtocolError, HangupException, NotGitRepository, OSError) as error:
            raise PublishFailed(f"the repository cannot be written: {_reason(error)}") from error
        finally:
            self._turn.release()

    def _attempt(self, file: FileToCommit) -> Committed:
        client, path = self._client()
        with _copy(self._folder) as copy:
            head = self._fetch(client, path, copy)
            tree = cast("Commit", copy[head]).tree if head else None
            names = [part.encode() for part in f"{self._target.root}/{file.path}".strip("/").split("/")]
            found = _file_at(copy, tree, names)
            full = b"/".join(names).decode()
            if found == file.data and head:
                return Committed(head.decode(), self._target.branch, full, is_new=False)
            file.check(found)
            blob = Blob.from_string(file.data)
            copy.object_store.add_object(blob)
            commit = self._signed(_with_file(copy, tree, names, blob.id), head, file)
            copy.object_store.add_object(commit)
            self._push(client, path, copy, head, commit.id)
            return Committed(commit.id.decode(), self._target.branch, full)

    def _client(self) -> tuple[GitClient, str]:
        target = self._target
        if not target.is_remote:
            _forbid_checked_out(target.repository, self._ref)
            return LocalGitClient(config=ConfigFile()), target.repository
        url = urlsplit(target.repository)
        token = self._environ.get(target.token_env) if target.token_env else None
        if target.token_env and not token:
            raise PublishUnavailable(f"the variable {target.token_env} of the server is not set")
        client = HttpGitClient(
            f"{url.scheme}://{url.netloc}",
            config=ConfigFile(),  # not the one of whoever started the server
            username=target.username or ("git" if token else None),
            password=token,
            timeout=_HTTP_SECONDS,
            quiet=True,
        )
        return client, url.path

    def _fetch(self, client: GitClient, path: Any, copy: Repo) -> Sha | None:
        """Bring the branch into our copy and return its commit; None for a repository without any branch."""

        def wanted(refs: Mapping[Any, Sha], depth: int | None = None) -> list[Sha]:  # noqa: ARG001 - dulwich's
            sha = refs.get(self._ref)
            return [sha] if sha is not None and sha not in copy.object_store else []

        refs: Mapping[Any, Sha | None] = client.fetch(path, copy, determine_wants=wanted).refs
        head = refs.get(self._ref)
        if head is None and any(name.startswith(b"refs/heads/") for name in refs):
            raise PublishUnavailable(f"the repository has no branch {self._target.branch}: create it, or name another")
        return head

    def _signed(self, tree: Sha, head: Sha | None, file: FileToCommit) -> Commit:
        commit = Commit()
        commit.tree = tree
        commit.parents = [head] if head else []
        commit.author = (file.author or self._target.author).encode()
        commit.committer = self._target.author.encode()
        commit.author_time = commit.commit_time = int(time.time())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = f"{file.message.strip()}\n".encode()
        return commit

    def _push(self, client: GitClient, path: Any, copy: Repo, head: Sha | None, new: Sha) -> None:
        """Move the branch from `head` to `new`; raises `_MovedOnError` when it is elsewhere by now."""

        def moved(refs: Mapping[Any, Sha]) -> dict[Any, Sha]:
            if refs.get(self._ref, ZERO_SHA) != (head or ZERO_SHA):
                raise _MovedOnError
            return {self._ref: new}

        try:
            result = client.send_pack(path, moved, cast("Any", copy.generate_pack_data))
        except FileLocked as error:
            raise _MovedOnError from error
        if (result.ref_status or {}).get(self._ref):
            raise _MovedOnError


def _copy(folder: Path) -> Repo:
    if folder.is_dir():
        return Repo(str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Repo.init_bare(str(folder), mkdir=True)


def _forbid_checked_out(path: str, ref: Any) -> None:
    """Refuse a branch that somebody has before their eyes: their files would seem to be changed back."""
    with Repo(path) as repository:
        if not repository.bare and repository.refs.get_symrefs().get(_HEAD) == ref:
            raise PublishUnavailable(
                f"{ref.decode()} is checked out in {path}: name a bare repository or another branch"
            )


def _file_at(copy: Repo, tree: Sha | None, names: list[bytes]) -> bytes | None:
    """Return the file at a path; raises `PathNotAllowed` when something else than folders leads there."""
    here: Sha = tree
    for depth, name in enumerate(names, 1):
        folder = cast("Tree", copy[here]) if here else Tree()
        if name not in folder:
            return None
        mode, here = folder[name]
        if mode not in (_FILES if depth == len(names) else (_FOLDER,)):  # a symbolic link, a submodule, a file
            raise PathNotAllowed(f"in the repository, {b'/'.join(names[:depth]).decode()} is something else")
    return cast("Blob", copy[here]).data


def _with_file(copy: Repo, tree: Sha | None, names: list[bytes], blob: Sha) -> Sha:
    """Return the tree with a file at a path, all else as it was."""
    name, *rest = names
    old = cast("Tree", copy[tree]) if tree else Tree()
    new = Tree()
    for entry in old.iteritems():
        new.add(entry.path, entry.mode, entry.sha)
    if rest:
        inner = old[name][1] if name in old else None
        new.add(name, _FOLDER, _with_file(copy, inner, rest, blob))
    else:
        mode = old[name][0] if name in old else _FILES[0]
        new.add(name, mode, blob)
    copy.object_store.add_object(new)
    return new.id


def _reason(error: Exception) -> str:
    if isinstance(error, NotGitRepository):
        return "there is no repository at the configured place"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return type(error).__name__
