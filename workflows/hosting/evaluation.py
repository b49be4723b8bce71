"""Where expressions are evaluated: light ones at once, heavy ones in a warm child with a limit on time and memory."""

from collections.abc import Mapping
from typing import Any

from translator.language.templates import CompiledValue, Template


class Evaluator:
    """Evaluate templates without ever holding the event loop for long; an async context manager."""

    async def __aenter__(self) -> "Evaluator":
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError

    async def evaluate(self, template: Template | CompiledValue, values: Mapping[str, Any]) -> Any:
        """Return the value as JSON; raise `ExpressionFailed` or `ExpressionTooCostly`."""
        raise NotImplementedError
