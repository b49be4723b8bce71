"""Files as inputs: `--input doc=@report.pdf` sends the file first, and gives the run its URI."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import open_file

from spec_service.cli.complaints import wrong_usage
from spec_service.cli.printable import one_line
from translator.language.schema_walk import as_schema

if TYPE_CHECKING:
    from spec_service.cli.client import Client

Json = Any
JsonSchema = Mapping[str, Any]
MARK = "@"
_CHUNK = 1 << 18  # bytes


async def with_uploads(client: Client, schema: JsonSchema, inputs: Mapping[str, Json]) -> dict[str, Json]:
    """Return inputs in which each `@file` of an input with `format: artifact` has become the URI of the sent file.

    Raises `Complaint` for a file that cannot be read.
    """
    found = dict(inputs)
    for name, one in dict(schema.get("properties") or {}).items():
        value = found.get(name)
        if as_schema(one).get("format") == "artifact" and isinstance(value, str) and value.startswith(MARK):
            found[name] = await _sent(client, name, _file(value))
    return found


def _file(value: str) -> Path:
    return Path(value.removeprefix(MARK)).expanduser()


async def chunks_of(file: Path) -> AsyncGenerator[bytes]:
    """Yield the bytes of a file."""
    async with await open_file(file, "rb") as opened:
        while chunk := await opened.read(_CHUNK):
            yield chunk


def size_of(file: Path) -> int:
    """Return how many bytes a file has."""
    return file.stat().st_size


def _require_readable(name: str, file: Path) -> None:
    if not file.is_file():
        raise wrong_usage(f"--input {name}: there is no file {one_line(str(file), 200)}", f"{name}=@FILE sends a file")
    if not os.access(file, os.R_OK):
        raise wrong_usage(f"--input {name}: {one_line(str(file), 200)} cannot be read")


async def _sent(client: Client, name: str, file: Path) -> str:
    _require_readable(name, file)
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return (await client.upload(file, kind)).uri
