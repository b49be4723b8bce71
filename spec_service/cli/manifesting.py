"""Writes the manifest of agents, or tells what of a written one is no longer true."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from spec_service.agent_manifest import drift, manifest_of, manifest_text
from spec_service.cli.cataloguing import failure_lines, load_catalog
from spec_service.cli.complaints import FINE, PROBLEMS, Complaint
from spec_service.cli.configuring import quiet_logs, settings_with
from spec_service.cli.printable import one_line
from spec_service.cli.reaching import run_async
from spec_service.settings import Settings

Json = Any
_LONG = 500  # characters of a line


def manifest(out: Path, catalog: Path | None, *, is_check: bool) -> int:
    """Write the manifest to a file (`-`: standard output), or compare it with the file; 1 when it drifted."""
    settings = settings_with(catalog=catalog)
    quiet_logs(settings)
    found = _manifest(settings)
    if is_check:
        return _check(out, found)
    if str(out) == "-":
        sys.stdout.write(manifest_text(found))
        return FINE
    is_new = _write(out, manifest_text(found))
    sys.stdout.write(f"{out}: {found['count']} agents{'' if is_new else ', as before'}\n")
    return FINE


def _manifest(settings: Settings) -> dict[str, Json]:
    """Return the manifest; raises `Complaint` while stages could not be loaded, as those would be missing."""
    loaded = run_async(lambda: load_catalog(settings))
    broken = tuple(one for one in loaded.failures if one.group.startswith("luigi."))
    if broken:
        raise Complaint("the manifest would lack agents", *failure_lines(broken)[1:])
    return manifest_of(loaded)


def _write(out: Path, text: str) -> bool:
    try:
        if out.is_file() and out.read_text(encoding="utf-8") == text:
            return False
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Complaint(f"{out} cannot be written: {_reason(error)}") from error
    return True


def _check(out: Path, found: dict[str, Json]) -> int:
    lines = drift(_read(out), found)
    if not lines:
        sys.stdout.write(f"{out}: {found['count']} agents, up to date\n")
        return FINE
    sys.stdout.write("".join(f"{one_line(line, _LONG)}\n" for line in [f"{out} is stale", *lines]))
    sys.stderr.write(f"specloom: specloom manifest --out {out} writes it anew\n")
    return PROBLEMS


def _read(out: Path) -> Json:
    try:
        return json.loads(out.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Complaint(f"there is no {out}", f"specloom manifest --out {out} writes it") from None
    except OSError as error:
        raise Complaint(f"{out} cannot be read: {_reason(error)}") from error
    except (ValueError, RecursionError):
        return None


def _reason(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "it is no text"
