"""A repository's history as plain data: what changed, by whom, and how big and nested each file is today."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TypedDict

from . import git

MAX_FILE_BYTES = 512 * 1024  # bigger ones are data, not something that people read
_BLOBS_AT_A_TIME = 200
_TAB_WIDTH = 4
_FIX = re.compile(r"\b(fix(e[sd])?|bug(fix)?|regression|hotfix|revert(s|ed)?)\b", re.IGNORECASE)


class Change(TypedDict):
    """What one commit did to one file, under the name that the file has today."""

    path: str
    added: int
    deleted: int


class Commit(TypedDict):
    """One commit; `time` in seconds since 1970, people by name (through .mailmap), no addresses."""

    id: str
    time: int
    author: str
    is_fix: bool
    changes: list[Change]


class SourceFile(TypedDict):
    """One file of HEAD; `lines` that hold something, and `depth`, the sum of their indentations in levels."""

    path: str
    bytes: int
    lines: int
    depth: int


class History(TypedDict):
    """What the other stages measure; commits newest first, `as_of` the time of HEAD."""

    name: str
    head: str
    as_of: int
    is_shallow: bool
    is_cut: bool
    commits: list[Commit]
    files: list[SourceFile]


def read_history(repository: str, since: str, max_commits: int, exclude: Sequence[str]) -> History:
    """Read the newest `max_commits` commits since `since`, and the files of HEAD that they touched.

    Raises:
        git.HistoryUnreadable: with a reason that a person can act on.
    """
    git.check_repository(repository)
    head, as_of = git.read_head(repository)
    shallow = git.is_shallow(repository)
    commits = parse_log(git.read_log(repository, since, max_commits), is_shallow=shallow)
    files = _read_files(repository, {change["path"] for commit in commits for change in commit["changes"]}, exclude)
    kept = {file["path"] for file in files}
    for commit in commits:
        commit["changes"] = [change for change in commit["changes"] if change["path"] in kept]
    return History(
        name=git.name_of(repository),
        head=head,
        as_of=as_of,
        is_shallow=shallow,
        is_cut=len(commits) >= max_commits,
        commits=commits,
        files=files,
    )


def parse_log(log: bytes, *, is_shallow: bool = False) -> list[Commit]:
    """Read the tokens of `git.read_log`: a commit's five, then one per file, or three for a file that was renamed.

    Going back in time, a rename teaches what a file was called before, so its whole history counts for today's name.
    """
    tokens = iter(log.split(b"\0"))
    names: dict[str, str] = {}
    commits: list[Commit] = []
    is_border = False
    for token in tokens:
        if token.startswith(b"\x01"):
            parents, commit = _read_commit(token, tokens)
            # Where a shallow clone was cut off, a commit seems to have written every file: that says nothing.
            is_border = is_shallow and not parents
            commits.append(commit)
        elif token:
            change = _read_change(token.removeprefix(b"\n"), tokens, names)
            if not is_border:
                commits[-1]["changes"].append(change)
    return commits


def _read_commit(first: bytes, rest: Iterator[bytes]) -> tuple[bytes, Commit]:
    """Read what `git.read_log` prints of a commit itself."""
    parents, time, author, subject = next(rest), next(rest), next(rest), next(rest)
    commit = Commit(
        id=first[1:].decode(),
        time=int(time),
        author=readable(author) or "unknown",
        is_fix=bool(_FIX.search(readable(subject))),
        changes=[],
    )
    return parents, commit


def _read_change(token: bytes, rest: Iterator[bytes], names: dict[str, str]) -> Change:
    """Read `added<TAB>deleted<TAB>path`; of a renamed file the path is empty, the old and the new one follow."""
    added, deleted, raw = token.split(b"\t", 2)
    old = "" if raw else readable(next(rest))
    path = readable(raw or next(rest))
    today = names.get(path, path)
    if old:
        names[old] = today
    binary = added == b"-"
    return Change(path=today, added=0 if binary else int(added), deleted=0 if binary else int(deleted))


def readable(name: bytes) -> str:
    r"""Return a name as text that any JSON reader takes: what is no UTF-8, or no printable character, as `\xNN`."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Tell whether a pattern names the file: `folder/` at any depth, else a glob of the path or of the file's name."""
    *folders, name = path.split("/")
    return any(
        pattern[:-1] in folders if pattern.endswith("/") else fnmatchcase(path, pattern) or fnmatchcase(name, pattern)
        for pattern in patterns
    )


def _read_files(repository: str, touched: set[str], exclude: Sequence[str]) -> list[SourceFile]:
    """Measure the touched files of HEAD; links, submodules and what is excluded are left out."""
    found: list[tuple[str, str, int]] = []
    for entry in git.list_files(repository).split(b"\0"):
        if not entry.startswith(b"100"):  # an ordinary file, executable or not
            continue
        facts, raw = entry.split(b"\t", 1)
        path = readable(raw)
        if path in touched and not is_excluded(path, exclude):
            _, _, blob, size = facts.split()
            found.append((path, blob.decode(), int(size)))
    measured: list[SourceFile] = []
    for start in range(0, len(found), _BLOBS_AT_A_TIME):
        measured += _measure(repository, found[start : start + _BLOBS_AT_A_TIME])
    return sorted(measured, key=lambda file: file["path"])


def _measure(repository: str, batch: list[tuple[str, str, int]]) -> Iterator[SourceFile]:
    """Read one batch of files and count; a file too big to be source counts as empty."""
    small = [blob for _, blob, size in batch if size <= MAX_FILE_BYTES]
    contents = dict(zip(small, git.read_blobs(repository, small), strict=True))
    for path, blob, size in batch:
        lines, depth = count_lines(contents.get(blob, b""))
        yield SourceFile(path=path, bytes=size, lines=lines, depth=depth)


def count_lines(content: bytes) -> tuple[int, int]:
    """Return how many lines hold something, and the sum of their indentations in levels (four spaces, or a tab).

    Indentation needs no parser and tracks complexity about as well as counting branches does
    (Hindle, Godfrey, Holt: Reading beside the lines, 2008). A binary file has no lines.
    """
    if b"\0" in content[:8000]:
        return 0, 0
    lines = [line.expandtabs(_TAB_WIDTH) for line in content.splitlines() if line.strip()]
    return len(lines), sum((len(line) - len(line.lstrip(b" "))) // _TAB_WIDTH for line in lines)
