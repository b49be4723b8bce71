"""Tools that leave a mark for each effect.

They are copied into the folder of a test, so that every process they run in works below that folder.
"""

import time

import anyio
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from marking import mark

BIG = 40 * 1024  # characters: more than a row may hold


@tool
async def leave(effects: str, label: str, config: RunnableConfig, seconds: float = 0.0) -> dict[str, str]:
    """Leave a mark on the server's loop."""
    mark(effects, label, config["metadata"]["idempotency_key"])
    await anyio.sleep(seconds)
    return {"label": label}


@tool
async def weigh(effects: str, label: str, config: RunnableConfig) -> dict[str, str]:
    """Leave a mark and return more than a row may hold."""
    mark(effects, label, config["metadata"]["idempotency_key"])
    return {"label": label, "filler": "x" * BIG}


@tool
def stay(effects: str, label: str, config: RunnableConfig, seconds: float = 0.0) -> dict[str, str]:
    """Leave a mark in a process of its own."""
    mark(effects, label, config["metadata"]["idempotency_key"])
    time.sleep(seconds)
    return {"label": label}
