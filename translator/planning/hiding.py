"""What of a plan's values is shown to people: neither what a step masks, nor literals that look like secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from translator.planning.advice import looks_secret

Json = Any
HIDDEN = "***"


def hide(value: Json, mask: Sequence[str] = (), *, key: str = "", pointer: str = "") -> Json:
    """Return a copy in which masked fields (by name at any depth, or by JSON pointer) and secrets are `***`."""
    if key and (key in mask or pointer in mask):
        return HIDDEN
    if isinstance(value, dict):
        fields = cast("dict[str, Json]", value)
        return {name: hide(one, mask, key=name, pointer=f"{pointer}/{_escaped(name)}") for name, one in fields.items()}
    if isinstance(value, list):
        items = cast("list[Json]", value)
        return [hide(one, mask, key=str(place), pointer=f"{pointer}/{place}") for place, one in enumerate(items)]
    return HIDDEN if isinstance(value, str) and looks_secret(value, key) else value


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
