"""What the catalog says of a model: where it answers, what it costs, how long and how much it may answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from translator.planning.catalog import CatalogEntry
from workflows.usage import Price

Json = Any
DEFAULT_SECONDS = 120.0
DEFAULT_BYTES = 8 * 2**20
FAKE = "fake"
"""The provider that answers from a script of the catalog, without a network and without a key."""


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A call of a tool in a scripted answer; `tool` is its name in the catalog, or as models see it."""

    tool: str
    arguments: Json = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer of the scripted model; its values may hold expressions over `input`, `last`, `turn` and `tools`."""

    when: str | None = None  # an expression; without one, answers are given one after the other
    text: str | None = None
    value: Json = None  # an answer as JSON
    has_value: bool = False
    calls: tuple[ScriptedCall, ...] = ()
    tokens_in: int | None = None  # None: as many as there are words
    tokens_out: int | None = None
    seconds: float = 0.0  # between two chunks
    error: str | None = None  # the name of an error to fail with


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A `[models.NAME]` table of the catalog file."""

    name: str
    provider: str  # as `init_chat_model` calls it, or `fake`
    model: str = ""  # as the provider calls it
    base_url: str | None = None
    secret: str | None = None  # the name of the secret that is its key
    price: Price | None = None
    max_tokens: int | None = None  # of one answer
    seconds: float = DEFAULT_SECONDS  # one answer may take
    max_bytes: int = DEFAULT_BYTES  # of one answer, as it comes over the wire
    temperature: float | None = None
    streaming: bool = True
    retries: int = 0  # of one call, by the provider's own client
    script: tuple[ScriptedAnswer, ...] = ()

    def entry(self) -> CatalogEntry:
        """Return how planning sees the model; its digest is over what it answers, not over what it costs."""
        said = asdict(self)
        said = {key: said[key] for key in ("provider", "model", "base_url", "temperature", "max_tokens", "script")}
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        shown = f"{self.model or self.name} of {self.provider}"
        return CatalogEntry(
            kind="model",
            name=self.name,
            version="0.0.0",
            source_digest=digest,
            description=shown,
            has_price=self.price is not None,
        )


Cards = Mapping[str, ModelCard]
