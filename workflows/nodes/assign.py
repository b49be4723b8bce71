"""The verb `set`: has no result of its own; its values are saved as every node's are."""

from __future__ import annotations

from typing import Any

from workflows.nodes.call import NodeCall

Json = Any


async def assign(call: NodeCall) -> Json:
    """Return null: the stepper evaluates what is set."""
    del call
