"""Regular expressions that match in linear time: RE2, and nothing that it refuses.

Lookarounds and backreferences are what makes other engines backtrack without end; RE2 has neither.
"""

from functools import lru_cache
from typing import Any, Protocol

import re2

_LONGEST = 4096  # a pattern; counted repetitions make long ones large
_MEMORY = 1 << 20  # bytes of a compiled pattern


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> Any:
        """Return a match anywhere in `text`, or None."""
        ...


class PatternError(ValueError):
    """A pattern that RE2 refuses."""


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Pattern:
    """Compile a pattern; raise PatternError when it cannot be matched in linear time."""
    if len(pattern) > _LONGEST:
        raise PatternError("too long")
    options: Any = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)  # pyright: ignore[reportUnknownVariableType]
    except re2.error as error:  # pyright: ignore[reportUnknownVariableType]
        raise PatternError("refused by RE2") from error
