"""The note that a server leaves in its data directory, so that commands find it: who it is and where it listens."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

NAME = "server.json"


@dataclass(frozen=True, slots=True)
class ServerNote:
    """A server that wrote a note and is still alive."""

    pid: int
    url: str


@contextmanager
def noted(data: Path, url: str) -> Generator[None]:
    """Leave a note as long as the block lasts; the data directory must be ours."""
    path = data / NAME
    pid = os.getpid()
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": pid, "url": url}), encoding="utf-8")
    fresh.replace(path)
    try:
        yield
    finally:
        note = find_server(data)
        if note is not None and note.pid == pid:
            path.unlink(missing_ok=True)


def find_server(data: Path) -> ServerNote | None:
    """Return the server that works in a data directory, or None; a note of a dead process does not count."""
    try:
        told: Any = json.loads((data / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fields = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    pid, url = fields.get("pid"), fields.get("url")
    if not isinstance(pid, int) or not isinstance(url, str) or not _is_alive(pid):
        return None
    return ServerNote(pid, url)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OverflowError, PermissionError):
        return pid > 0
    return pid > 0
