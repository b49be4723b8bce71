"""Ask git: fixed arguments, no shell, a time limit, and answers in words a person can act on.

Only objects of the repository are read, never its working tree, so bare repositories and half-edited files are fine.
What a repository's own configuration could start (an external diff, a text converter, a signature check, a pager, a
file-system monitor) is switched off: reading somebody's history must not run somebody's programs.
"""

import os
import re
import subprocess
from pathlib import Path

TIMEOUT_SECONDS = 120
_SAFE_CONFIG = ("core.quotePath=false", "core.fsmonitor=false", "log.showSignature=false")
_SINCE = re.compile(r"(\d{4}-\d{2}-\d{2})|(\d{1,4} (?:day|week|month|year)s? ago)")
_LOG = ("log", "-z", "--numstat", "--find-renames", "--no-merges", "--no-color", "--no-ext-diff", "--no-textconv")
_FORMAT = "--format=%x01%H%x00%P%x00%at%x00%aN%x00%s"


class HistoryUnreadable(Exception):
    """The history of this repository cannot be read."""


def run_git(repository: str, *arguments: str, stdin: bytes | None = None) -> bytes:
    """Run one git command and return its standard output.

    Raises:
        HistoryUnreadable: git is missing, took longer than `TIMEOUT_SECONDS`, or refused; with git's own first line.
    """
    config = [part for setting in _SAFE_CONFIG for part in ("-c", setting)]
    command = ["git", "-C", repository, "--no-pager", *config, *arguments]
    # A git hook exports GIT_DIR and friends, which would lead to another repository than the one that was named.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list, no shell
            command, env=environment, input=stdin or b"", capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError:
        raise HistoryUnreadable("git is not installed, or not on PATH") from None
    except subprocess.TimeoutExpired:
        raise HistoryUnreadable(f"git {arguments[0]} took longer than {TIMEOUT_SECONDS} s") from None
    if done.returncode != 0:
        raise HistoryUnreadable(_complaint(arguments[0], done.stderr))
    return done.stdout


def _complaint(verb: str, stderr: bytes) -> str:
    """Say what git said, in one line."""
    lines = stderr.decode("utf-8", "backslashreplace").strip().splitlines() or ["no reason given"]
    return f"git {verb}: {lines[0].removeprefix('fatal: ')}"


def check_repository(repository: str) -> None:
    """Make sure that there is a history to read.

    Raises:
        HistoryUnreadable: there is no such folder, it is in no git repository, or nothing was committed yet.
    """
    if not Path(repository).is_dir():
        raise HistoryUnreadable(f"{repository}: there is no such folder")
    try:
        run_git(repository, "rev-parse", "--git-dir")
    except HistoryUnreadable as problem:
        if "not a git repository" in str(problem):
            raise HistoryUnreadable(f"{repository}: not inside a git repository") from None
        raise
    try:
        run_git(repository, "rev-parse", "--verify", "HEAD^{commit}")
    except HistoryUnreadable:
        raise HistoryUnreadable(f"{repository}: nothing was committed yet, so there is no history to read") from None


def name_of(repository: str) -> str:
    """Return the name of the repository's top folder."""
    git_dir = run_git(repository, "rev-parse", "--absolute-git-dir").decode("utf-8", "backslashreplace").strip()
    try:
        top = run_git(repository, "rev-parse", "--show-toplevel").decode("utf-8", "backslashreplace").strip()
    except HistoryUnreadable:  # a bare repository has no working tree
        top = ""
    return Path(top or git_dir).name.removesuffix(".git") or "repository"


def read_head(repository: str) -> tuple[str, int]:
    """Return the commit that HEAD points to: its id and when it was committed, in seconds since 1970."""
    commit, seconds = run_git(repository, "show", "-s", "--no-color", "--format=%H %ct", "HEAD").split()
    return commit.decode(), int(seconds)


def is_shallow(repository: str) -> bool:
    """Tell whether the clone was cut off, so that older history is missing."""
    return run_git(repository, "rev-parse", "--is-shallow-repository").strip() == b"true"


def read_log(repository: str, since: str, max_commits: int) -> bytes:
    """Return the log of HEAD, newest first, as NUL-separated tokens (see history.parse_log).

    Raises:
        HistoryUnreadable: `since` is neither empty, nor a date (2026-01-31), nor an age (6 months ago).
    """
    limits = [f"--max-count={max_commits}"]
    if since:
        limits.append(f"--since={_since(since)}")
    return run_git(repository, *_LOG, "--no-relative", _FORMAT, *limits, "HEAD", "--")


def _since(text: str) -> str:
    """Check the start of the period: git itself takes any text and silently reads nonsense as "now"."""
    found = _SINCE.fullmatch(text)
    if not found:
        raise HistoryUnreadable("since: write a date like 2026-01-31, an age like 6 months ago, or nothing")
    return f"{text}T00:00:00Z" if found.group(1) else text


def list_files(repository: str) -> bytes:
    """Return the files of HEAD as NUL-separated `mode type id size<TAB>path`."""
    return run_git(repository, "ls-tree", "-r", "-z", "-l", "--full-tree", "HEAD")


def read_blobs(repository: str, ids: list[str]) -> list[bytes]:
    """Return the contents of these blobs, in their order; a missing one is empty."""
    if not ids:
        return []
    answer = run_git(repository, "cat-file", "--batch", stdin="".join(f"{one}\n" for one in ids).encode())
    contents: list[bytes] = []
    position = 0
    for _ in ids:
        end = answer.index(b"\n", position)
        header = answer[position:end].split(b" ")
        size = int(header[2]) if len(header) == 3 else 0  # noqa: PLR2004 - "id type size", or "id missing"
        contents.append(answer[end + 1 : end + 1 + size])
        position = end + 1 + (size + 1 if len(header) == 3 else 0)  # noqa: PLR2004
    return contents
