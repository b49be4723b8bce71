"""What was used, as expressions see it: the names of the figures and their types."""

from typing import Any

_COUNTED = ("tokens", "tokens_in", "tokens_out", "cached_tokens", "tool_calls", "model_calls", "retries")
_FIGURES: dict[str, dict[str, Any]] = {
    **{name: {"type": "integer"} for name in _COUNTED},
    "cost_usd": {"type": "number"},
    "latency_ms": {"type": "number"},
    "models": {"type": "array", "items": {"type": "string"}},
    "unknown": {"type": "object"},
}
USAGE: dict[str, Any] = {"type": "object", "properties": _FIGURES, "required": list(_FIGURES)}
"""The JSON Schema of `usage`; costs are in USD, latency in milliseconds."""
