"""What a try of a step has used: tokens, money, calls of models and tools; read out of whatever a provider reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

Json = Any
_COUNTS = ("tokens_in", "tokens_out", "cached_tokens", "tool_calls", "model_calls", "retries")
_MEASURES = ("cost_usd", "latency_ms")
_MOST = 10**15  # of whatever is counted: a provider that reports more is not believed
_DIGITS = 10  # of money: what is summed in another order stays the same
_IN = ("input_tokens", "prompt_tokens")
_OUT = ("output_tokens", "completion_tokens")
_CACHED = ("input_token_details.cache_read", "prompt_tokens_details.cached_tokens")
_IMPLIED = frozenset({"total_tokens"})  # says nothing of its own, where the parts are told


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used; sums with `+`. Latency is the sum of what the calls of models took, in milliseconds."""

    tokens_in: int = 0  # the cached ones included
    tokens_out: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    tool_calls: int = 0
    model_calls: int = 0
    latency_ms: float = 0.0
    retries: int = 0  # of calls, within the try
    models: tuple[str, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict[str, int])  # what providers count and nobody here knows

    def __add__(self, other: Usage) -> Usage:
        """Return both together."""
        if self is NOTHING:
            return other
        return Usage(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cached_tokens + other.cached_tokens,
            round(self.cost_usd + other.cost_usd, _DIGITS),
            self.tool_calls + other.tool_calls,
            self.model_calls + other.model_calls,
            round(self.latency_ms + other.latency_ms, 3),
            self.retries + other.retries,
            self.models if self.models == other.models else tuple(dict.fromkeys(self.models + other.models)),
            _together(self.unknown, other.unknown) if other.unknown else self.unknown,
        )

    def beyond(self, earlier: Usage) -> Usage:
        """Return what was used since an earlier sum; names stay."""
        counted = {name: getattr(self, name) - getattr(earlier, name) for name in _COUNTS}
        cost, latency = self.cost_usd - earlier.cost_usd, self.latency_ms - earlier.latency_ms
        unknown = {name: count - earlier.unknown.get(name, 0) for name, count in self.unknown.items()}
        return Usage(
            **counted,
            cost_usd=round(cost, _DIGITS),
            latency_ms=round(latency, 3),
            models=self.models,
            unknown=unknown,
        )

    def __bool__(self) -> bool:
        """Tell whether anything was used."""
        return bool(self.as_json())

    @property
    def tokens(self) -> int:
        """Return how many tokens went in and came out: what `limits.tokens` counts."""
        return self.tokens_in + self.tokens_out

    def as_json(self) -> dict[str, Json]:
        """Return what is not zero or empty: how rows and events hold it."""
        found: dict[str, Json] = {name: value for name in _COUNTS + _MEASURES if (value := getattr(self, name))}
        if self.models:
            found["models"] = list(self.models)
        if self.unknown:
            found["unknown"] = dict(self.unknown)
        return found

    def figures(self) -> dict[str, Json]:
        """Return every figure, zeros included, and `tokens`: what expressions and views see."""
        counted: dict[str, Json] = {name: getattr(self, name) for name in _COUNTS}
        measured = {name: float(getattr(self, name)) for name in _MEASURES}
        return {
            **counted,
            **measured,
            "tokens": self.tokens,
            "models": list(self.models),
            "unknown": dict(self.unknown),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Usage:
        """Read what `as_json` wrote."""
        known = {name: value[name] for name in _COUNTS + _MEASURES if name in value}
        return cls(**known, models=tuple(value.get("models", ())), unknown=dict(value.get("unknown", {})))


NOTHING = Usage()
ONE_TOOL_CALL = Usage(tool_calls=1)


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in USD for a million tokens; cached tokens cost as others where nobody says more."""

    tokens_in: float = 0.0
    tokens_out: float = 0.0
    cached: float | None = None

    def of(self, tokens_in: int, tokens_out: int, cached: int) -> float:
        """Return what that many tokens cost, in USD; `cached` are among those that went in."""
        from_cache = min(cached, tokens_in)
        each = self.tokens_in if self.cached is None else self.cached
        cost = (tokens_in - from_cache) * self.tokens_in + from_cache * each + tokens_out * self.tokens_out
        return round(cost / 1_000_000, _DIGITS)


def usage_of(metadata: Json, *, price: Price | None = None, model: str = "") -> Usage:
    """Return the tokens that a provider reports, in either generation of names, and what they cost.

    What it counts beyond that is kept under `unknown`; figures that cannot be (negative, no numbers) count as zero.
    How often and how long a model was called is for the caller to add.
    """
    reported = dict(_flat(metadata))
    tokens_in, tokens_out, cached = (_first(reported, names) for names in (_IN, _OUT, _CACHED))
    known = {*_IN, *_OUT, *_CACHED}
    if known & reported.keys():
        known |= _IMPLIED
    return Usage(
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cached_tokens=min(cached, tokens_in),
        cost_usd=price.of(tokens_in, tokens_out, cached) if price else 0.0,
        models=(model,) if model else (),
        unknown={name: count for name, count in reported.items() if name not in known and count},
    )


def _flat(metadata: Json, prefix: str = "") -> list[tuple[str, int]]:
    """Return each number with its path, two levels deep."""
    if not isinstance(metadata, Mapping):
        return []
    found: list[tuple[str, int]] = []
    for name, value in cast("Mapping[Json, Json]", metadata).items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and not prefix:
            found += _flat(cast("Json", value), f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((path[:128], _count(value)))
    return found


def _count(value: float) -> int:
    """Return a number of tokens; zero for what cannot be one."""
    return min(int(value), _MOST) if math.isfinite(value) and value > 0 else 0


def _first(reported: Mapping[str, int], names: tuple[str, ...]) -> int:
    return max((reported[name] for name in names if name in reported), default=0)


def _together(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in (*one, *(set(other) - set(one)))}
