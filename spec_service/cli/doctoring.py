"""Checks an installation: what is fine, what is not, and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from spec_service.cli.complaints import FINE, PROBLEMS
from spec_service.cli.configuring import Place, quiet_logs
from spec_service.cli.printable import lasting, one_line, sized
from spec_service.cli.reaching import run_async
from spec_service.cli.server_note import find_server
from spec_service.product import VERSION
from spec_service.settings import Settings
from translator.errors import SpecloomError

_LOW_BYTES, _NO_BYTES = 1 << 30, 100 << 20
_GIT_SECONDS = 10.0
_SHOWN = ("langgraph", "langgraph-checkpoint", "langchain-core", "luigi", "fastapi", "pydantic", "cel-expr-python")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one place, and what to do about it."""

    verdict: Literal["ok", "warn", "fail"]
    about: str
    text: str
    advice: str = ""


def doctor(data: Path | None, catalog: Path | None, server: str | None, *, as_json: bool) -> int:
    """Check everything and print one line for each thing; 1 when something fails."""
    settings = Place(data, catalog, server).settings()
    quiet_logs(settings)
    findings: list[Finding] = []
    for check in _CHECKS:
        for finding in check(settings):
            findings.append(finding)
            if not as_json:
                _print(finding)
    failed = sum(one.verdict == "fail" for one in findings)
    if as_json:
        told = [
            {"verdict": one.verdict, "about": one.about, "text": one.text, "advice": one.advice} for one in findings
        ]
        sys.stdout.write(f"{json.dumps(told, ensure_ascii=False, indent=2)}\n")
    else:
        verdict = f"{failed} of these must be mended" if failed else "everything that is needed is there"
        sys.stdout.write(f"\n{verdict}\n")
    return PROBLEMS if failed else FINE


def versions(*, as_json: bool) -> int:
    """Print versions; returns the exit code."""
    found = {"specloom": VERSION, "python": sys.version.split()[0]}
    found |= {name: _version(name) or "missing" for name in _SHOWN}
    if as_json:
        sys.stdout.write(f"{json.dumps(found, indent=2)}\n")
        return FINE
    width = max(map(len, found))
    sys.stdout.write("".join(f"{name:<{width}}  {one}\n" for name, one in found.items()))
    return FINE


def _print(finding: Finding) -> None:
    advice = f"\n{'':<18}→ {finding.advice}" if finding.advice else ""
    sys.stdout.write(f"{finding.verdict:<4}  {finding.about:<10}  {finding.text}{advice}\n")
    sys.stdout.flush()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _python(_: Settings) -> Iterator[Finding]:
    found = sys.version.split()[0]
    is_fine = (3, 11) <= sys.version_info[:2] < (3, 14)
    advice = "" if is_fine else "Luigi needs Python below 3.14, and Specloom 3.11 or newer"
    yield Finding("ok" if is_fine else "fail", "python", f"{found} ({sys.executable})", advice)
    yield Finding("ok", "sqlite", sqlite3.sqlite_version)


def _packages(_: Settings) -> Iterator[Finding]:
    try:
        wanted = [one for one in requires("specloom") or () if "extra ==" not in one]
    except PackageNotFoundError:
        yield Finding("warn", "packages", "Specloom is not installed, only its source is used", "pip install -e .")
        return
    names = [one.partition(";")[0].strip() for one in wanted]
    missing = [name for name in (_name_of(one) for one in names) if _version(name) is None]
    if missing:
        yield Finding("fail", "packages", f"missing: {', '.join(missing)}", "install Specloom again: pip install -e .")
    else:
        yield Finding("ok", "packages", f"all {len(names)} are installed; specloom version lists the main ones")


def _name_of(requirement: str) -> str:
    return requirement[: next((at for at, sign in enumerate(requirement) if sign in "<>=!~ [;("), len(requirement))]


def _data(settings: Settings) -> Iterator[Finding]:
    folder = settings.data.absolute()
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(nearest, os.W_OK):
        advice = "choose another one with --data or SPECLOOM_DATA"
        yield Finding("fail", "data", f"{nearest} cannot be written", advice)
    elif not folder.exists():
        yield Finding("ok", "data", f"{folder} (made by the first run)")
    else:
        uploads = _upload_bytes(settings)
        also = f" and {sized(uploads)} of uploads" if uploads else ""
        yield Finding("ok", "data", f"{folder} ({sized(_database_bytes(settings))} of records{also})")
    free = shutil.disk_usage(nearest).free
    verdict = "fail" if free < _NO_BYTES else "warn" if free < _LOW_BYTES else "ok"
    advice = "make room, or choose another data directory" if verdict != "ok" else ""
    yield Finding(verdict, "disk", f"{sized(free)} free", advice)
    if verdict != "fail" and os.access(nearest, os.W_OK):
        yield Finding("ok", "sync", f"{_sync_seconds(nearest) * 1000:.2f} ms for a write to reach the disk")


def _database_bytes(settings: Settings) -> int:
    return settings.database.stat().st_size if settings.database.exists() else 0


def _upload_bytes(settings: Settings) -> int:
    return sum(one.stat().st_size for one in settings.uploads.glob("*")) if settings.uploads.is_dir() else 0


def _sync_seconds(folder: Path) -> float:
    """Return how long the disk takes to make 4 KiB durable, the median of nine."""
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(9):
            file.write(b"\0" * 4096)
            file.flush()
            before = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - before)
    return sorted(taken)[4]


def _catalog(settings: Settings) -> Iterator[Finding]:
    from spec_service.cli.cataloguing import load_catalog  # noqa: PLC0415 - another finding if it cannot be loaded

    if not settings.catalog_file.exists() and not settings.is_catalog_named:
        text = f"there is no {settings.catalog_file.absolute()}: specs may name nothing"
        yield Finding("warn", "catalog", text, "specloom init writes one, or name yours with --catalog")
        return
    before = time.perf_counter()
    try:
        loaded = run_async(lambda: load_catalog(settings))
    except SpecloomError as error:
        yield Finding("fail", "catalog", one_line(error.message, 500), "correct the file")
        return
    took = lasting(time.perf_counter() - before)
    yield Finding("ok", "catalog", f"{settings.catalog_file.absolute()}: {len(loaded.entries)} stages and tools")
    for one in loaded.failures:
        text = f"{one.group} {one.module}: {one_line(one.message, 300)}"
        yield Finding("fail", "catalog", text, "mend the module, or take it out of the catalog")
    if loaded.entries:
        yield Finding("ok", "hosts", f"child processes for stages and tools start and answer ({took})")


def _git(_: Settings) -> Iterator[Finding]:
    try:
        command = ["git", "--version"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        yield Finding("warn", "git", "not found", "the repository report needs it: install git")
    else:
        yield Finding("ok", "git", one_line(told.stdout.removeprefix("git version ")))


def _server(settings: Settings) -> Iterator[Finding]:
    note = find_server(settings.data)
    url = settings.server or (note.url if note else None)
    if url is None:
        yield Finding("ok", "server", "none; commands work without one (specloom dev starts one)")
        return
    from spec_service.cli.http_client import open_http_client  # noqa: PLC0415 - only where there is a server

    async def ask() -> None:
        async with open_http_client(url, settings, is_near=note is not None) as client:
            await client.list_runs(None, None, None, 1)

    try:
        run_async(ask)
    except SpecloomError as error:
        yield Finding("fail", "server", one_line(error.message, 300), "specloom dev starts a server")
    else:
        yield Finding("ok", "server", f"{url} answers")


_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_python, _packages, _data, _catalog, _git, _server)
