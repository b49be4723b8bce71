"""A statement of SQL as it waits in the queue of the journal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple


class Statement(NamedTuple):
    """One SQL statement; a guarded one must change a row, or the unit that it belongs to is refused."""

    sql: str
    values: tuple[Any, ...] | Mapping[str, Any]  # in order, or by name
    is_guarded: bool = False

    @property
    def parts(self) -> Collection[Any]:
        """Return the values alone."""
        return self.values if isinstance(self.values, tuple) else self.values.values()
