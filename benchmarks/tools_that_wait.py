"""A tool to measure with: it waits until a file is there."""

import asyncio
from pathlib import Path

from langchain_core.tools import tool


@tool
async def await_file(path: str) -> dict[str, bool]:
    """Wait until a file is there."""
    while not Path(path).exists():
        await asyncio.sleep(0.05)
    return {"is_there": True}
