"""Where artifacts lie on this machine, so that a person can open them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

Json = Any
Location = Callable[[str, str], str]  # run id, path
_SCHEME = "specloom://runs/"
_FOLDERS = ("artifacts", "work")  # below <data>/runs/<run>: what the engine keeps, and where stages work


def find_artifact(data: Path, run_id: str, path: str) -> Path | None:
    """Return the file of an artifact; None when it is not there, or would lie outside the run's directory."""
    for folder in _FOLDERS:
        root = (data / "runs" / run_id / folder).resolve()
        file = (root / path).resolve()
        if file.is_relative_to(root) and file.is_file():
            return file
    return None


def split_uri(uri: str) -> tuple[str, str] | None:
    """Return run id and path of an artifact's URI; None when it is none."""
    run_id, _, rest = uri.removeprefix(_SCHEME).partition("/")
    path = rest.removeprefix("artifacts/")
    if not uri.startswith(_SCHEME) or path == rest or not path:
        return None
    return run_id, unquote(path)


def located(value: Json, location: Location) -> Json:
    """Return a JSON value in which every URI of an artifact has become the place where a person can open it."""
    if isinstance(value, str):
        found = split_uri(value)
        return location(*found) if found else value
    if isinstance(value, list):
        return [located(item, location) for item in cast("list[Json]", value)]
    if isinstance(value, dict):
        return {key: located(item, location) for key, item in cast("dict[str, Json]", value).items()}
    return value
