"""Short names of the tasks of a Luigi expansion: the family alone where that is enough to tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from spec_service.cli.printable import one_line

_MOST = 70  # characters


def short_names(tasks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return a name for each task key of a `luigi.expanded` event: `market.Fetch`, or `market.Fetch(day=1)`."""
    names = {str(one["task"]): str(one["name"]) for one in tasks}
    families = Counter(_family(name) for name in names.values())
    return {key: one_line(name if families[_family(name)] > 1 else _family(name), _MOST) for key, name in names.items()}


def _family(name: str) -> str:
    return name.partition("(")[0]
