"""A harness of the catalog: an agent that is a program of its own, which specs only name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from translator.planning.catalog import CatalogEntry
from workflows.hosting.limits import NO_LIMITS, HostLimits

Protocol = Literal["stdio", "http"]
TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Harness:
    """A `[harnesses.NAME]` table of the catalog file, its paths made absolute."""

    name: str
    protocol: Protocol = "stdio"
    command: tuple[str, ...] = ()  # of stdio
    url: str = ""  # of http
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # of http; `{NAME}` stands for a secret
    description: str = ""
    version: str = "0.0.0"
    env: tuple[str, ...] = ()  # names of variables that it may see beside PATH, LANG and TZ
    timeout_seconds: float = TIMEOUT_SECONDS  # of one try; a spec's own may be shorter
    limits: HostLimits = NO_LIMITS
    sandbox: Literal["", "bwrap"] = ""
    instructions: Path | None = None  # the file whose text it is told as its AGENTS.md
    model: str | None = None  # by its name in the catalog

    def source_digest(self) -> str:
        """Return the sha256 of all that makes it what it is, the text of its instructions included."""
        told = {**asdict(self), "headers": dict(self.headers), "instructions": self.agents_md()}
        return f"sha256:{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()}"

    def entry(self) -> CatalogEntry:
        """Return how it stands in the catalog; raises `OSError`, `UnicodeError` for its instructions."""
        return CatalogEntry(
            kind="harness",
            name=self.name,
            version=self.version,
            source_digest=self.source_digest(),
            description=self.description,
            is_async=True,
        )

    def agents_md(self) -> str:
        """Return the text of its instructions file; empty where it names none. Raises `OSError`, `UnicodeError`."""
        return self.instructions.read_text(encoding="utf-8") if self.instructions else ""
