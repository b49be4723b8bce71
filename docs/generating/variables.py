"""The table of settings: every variable `SPECLOOM_*`, its default and its meaning."""

from __future__ import annotations

from typing import Any

from docs.generating.markdown import NOTHING, code, table
from spec_service.settings import Settings


def variables() -> str:
    """Return the table of settings."""
    prefix = Settings.model_config.get("env_prefix", "")
    rows = [
        [code(f"{prefix}{name}".upper()), info.description or NOTHING, _default(info.default)]
        for name, info in Settings.model_fields.items()
    ]
    return table(("variable", "meaning", "default"), rows)


def _default(value: Any) -> str:
    return NOTHING if value in (None, ()) else code(str(value))
