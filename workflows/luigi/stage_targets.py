"""Targets: what a task's `output()` looks like from outside, what is in it, and which files are its own.

Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# os.path is what Luigi speaks
# ruff: noqa: PTH100, PTH104, PTH105, PTH110, PTH112, PTH113, PTH118, PTH123
# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import luigi
from luigi.task import flatten

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable

READ_LIMIT = 16 * 1024 * 1024  # bytes of all that one call reads
BLOCK = 1024 * 1024


class UnreadableTarget(Exception):
    """A target does not hold what it should."""

    kind = "invalid-result"


class UnmovableTarget(Exception):
    """A target cannot be set aside."""

    kind = "stage-failed"


def shaped(output: Any, leaf: Callable[[Any], Any]) -> Any:
    """Return `output` with every target replaced."""
    if output is None:
        return None
    if isinstance(output, dict):
        return {str(name): shaped(inner, leaf) for name, inner in output.items()}
    if isinstance(output, luigi.Target) or not hasattr(output, "__iter__"):
        return leaf(output)
    return [shaped(inner, leaf) for inner in output]


def local_path(target: Any) -> str | None:
    """Return the absolute path of a target on this machine, None for any other."""
    path = getattr(target, "path", None)
    if isinstance(target, luigi.LocalTarget) and isinstance(path, (str, os.PathLike)):
        return os.path.abspath(os.fspath(path))
    return None


def local_paths(task: luigi.Task) -> list[str]:
    """Return the paths of a task's local targets."""
    paths = (local_path(target) for target in flatten(task.output()))
    return [path for path in paths if path]


def missing_targets(task: luigi.Task) -> list[str]:
    """Return what to call the targets of a task that do not exist."""
    targets: list[Any] = flatten(task.output())
    return [target_name(target) for target in targets if not target.exists()]


def set_aside(task: luigi.Task, folder: str) -> None:
    """Rename what a task has made below a folder to `<name>.superseded-N`, so that it runs again.

    Raises `UnmovableTarget` for what lies elsewhere: it may be somebody else's, too.
    """
    inside = os.path.realpath(folder) + os.sep
    targets: list[Any] = flatten(task.output())
    for target in targets:
        path = local_path(target)
        if path is None or not os.path.realpath(path).startswith(inside):
            if target.exists():
                name = target_name(target)
                raise UnmovableTarget(
                    f"{name} is not in the run's directory, so it stays: remove it, and retry the run"
                )
            continue
        number = 1
        while os.path.lexists(f"{path}.superseded-{number}"):
            number += 1
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, f"{path}.superseded-{number}")


def rewrite(task: luigi.Task, value: Any, folder: str) -> dict[str, Any]:
    """Let the one target of a task hold a value: a text as it is, everything else as JSON.

    The file as it was stays as `<name>.version-N`. Nothing happens when it holds the value already. Raises
    `UnmovableTarget` when there is no such file, or several, or it lies outside the folder.
    """
    name, paths = type(task).__name__, local_paths(task)
    if len(flatten(task.output())) != 1 or len(paths) != 1 or not os.path.isfile(paths[0]):
        raise UnmovableTarget(f"`write` takes the place of the one file that a task makes, and {name} makes no such")
    path = paths[0]
    if not os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep):
        raise UnmovableTarget(f"{path} is not in the directory in which the stage works, so it stays as it is")
    content = (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode("utf-8")
    with open(path, "rb") as file:
        if file.read() == content:
            return {"path": path, "kept_as": None}
    number = 1
    while os.path.lexists(f"{path}.version-{number}"):
        number += 1
    with open(f"{path}.writing", "wb") as file:
        file.write(content)
    os.link(path, f"{path}.version-{number}")  # so that at no time there is no file
    os.replace(f"{path}.writing", path)
    return {"path": path, "kept_as": f"{path}.version-{number}"}


def target_name(target: Any) -> str:
    """Return what people call a target."""
    return str(getattr(target, "path", None) or type(target).__name__)


def described(target: Any) -> dict[str, Any]:
    """Return `{uri, path, exists, bytes, sha256}` of a target; the last two only for local files and directories."""
    path = local_path(target)
    leaf = {"uri": path or target_name(target), "path": path, "exists": bool(target.exists())}
    size, digest = measured(path) if path and os.path.exists(path) else (None, None)
    return {**leaf, "bytes": size, "sha256": digest}


def measured(path: str) -> tuple[int, str]:
    """Return the size in bytes and the digest of a file, or of all files of a directory with their names."""
    if not os.path.isdir(path):
        return _measured_file(path)
    total, digest = 0, hashlib.sha256()
    for name in sorted(_files_under(path)):
        size, own = _measured_file(os.path.join(path, name))
        total += size
        digest.update(json.dumps([name, own]).encode())
    return total, digest.hexdigest()


def _files_under(path: str) -> list[str]:
    found: list[str] = []
    for folder, _, names in os.walk(path):
        found.extend(os.path.relpath(os.path.join(folder, name), path) for name in names)
    return found


def _measured_file(path: str) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            size += len(block)
            digest.update(block)
    return size, digest.hexdigest()


class Reader:
    """Reads targets as text or JSON, 16 MiB at most in all."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._left = READ_LIMIT

    def read(self, target: Any) -> Any:
        """Return what a target holds; raises `UnreadableTarget`."""
        name = target_name(target)
        try:
            text = self._text(target)
        except (AttributeError, OSError, UnicodeDecodeError) as error:
            raise UnreadableTarget(f"{name} cannot be read: {type(error).__name__}") from error
        self._left -= len(text)
        if self._left < 0:
            raise UnreadableTarget(f"{name}: the step's targets hold over {READ_LIMIT // 2**20} MiB")
        if self._form == "text":
            return text
        try:
            return json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise UnreadableTarget(f"{name} is no JSON: {type(error).__name__}") from error

    def _text(self, target: Any) -> str:
        with target.open("r") as file:
            content = file.read(self._left + 1)
        return content.decode("utf-8") if isinstance(content, bytes) else str(content)


def _refuse(constant: str) -> None:
    raise ValueError(constant + " is no JSON")
