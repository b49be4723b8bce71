"""The prompts of the catalog: text files of a folder, under names and versions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from translator.language.versions import Version
from translator.planning.catalog import CatalogEntry

MOST_BYTES = 256 * 1024  # of one prompt
_FILE = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,62})(?:@(.+))?")
_SUFFIXES = frozenset({".md", ".txt"})


@dataclass(frozen=True, slots=True)
class PromptGroup:
    """A `[prompts.GROUP]` table of the catalog file: `report.md` in its folder is the prompt `GROUP.report`.

    `report@1.2.0.md` is its version 1.2.0; a file whose name tells none has the group's.
    """

    name: str
    folder: Path
    version: str = "0.0.0"


@dataclass(frozen=True, slots=True)
class PromptFailure:
    """A prompt that is missing from the catalog, and why."""

    group: str
    file: str
    message: str


def read_prompts(groups: Iterable[PromptGroup]) -> tuple[list[CatalogEntry], list[PromptFailure]]:
    """Return the prompts of all groups, and what of them cannot be used."""
    entries: dict[tuple[str, str], CatalogEntry] = {}
    failures: list[PromptFailure] = []
    for group in groups:
        if not group.folder.is_dir():
            message = f"there is no folder {group.folder}: correct `folder`"
            failures.append(PromptFailure(group.name, str(group.folder), message))
            continue
        for file in sorted(one for one in group.folder.iterdir() if one.suffix in _SUFFIXES):
            found = _entry(group, file)
            if isinstance(found, str):
                failures.append(PromptFailure(group.name, file.name, found))
            elif (found.name, found.version) in entries:
                message = f"there are two files of {found.name} {found.version}: remove one"
                failures.append(PromptFailure(group.name, file.name, message))
            else:
                entries[found.name, found.version] = found
    return list(entries.values()), failures


def _entry(group: PromptGroup, file: Path) -> CatalogEntry | str:
    """Return the prompt in a file, or why it cannot be used."""
    match = _FILE.fullmatch(file.stem)
    version = (match[2] if match else None) or group.version
    if match is None or Version.parse(version) is None:
        return f"{file.name} is no name of a prompt: write `name.md` or `name@1.0.0.md`"
    try:
        content = file.read_bytes()
        text = content.decode("utf-8-sig").strip()
    except OSError as error:
        return f"{file.name} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return f"{file.name} is not UTF-8 text: save it as UTF-8"
    if not text or len(content) > MOST_BYTES:
        return f"{file.name} is empty" if not text else f"{file.name} has more than {MOST_BYTES // 1024} KiB"
    return CatalogEntry(
        kind="prompt",
        name=f"{group.name}.{match[1]}",
        version=version,
        source_digest=hashlib.sha256(text.encode()).hexdigest(),
        description=text.partition("\n")[0].lstrip("# ")[:200],
        text=text,
    )
