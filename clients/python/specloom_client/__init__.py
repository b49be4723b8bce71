"""What a pipeline says of its tasks to Specloom, and a client of its HTTP API.

`agent_meta` needs nothing but the standard library; `Client` and `AsyncClient` need the extra `http`, and are loaded
when they are first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from specloom_client.agents import ATTRIBUTE, agent_meta

if TYPE_CHECKING:
    from specloom_client.async_client import AsyncClient
    from specloom_client.async_runs import AsyncRun
    from specloom_client.client import Client, Run
    from specloom_client.refusals import Refused, RunFailed, SpecloomError, Unreachable

__all__ = [
    "ATTRIBUTE",
    "AsyncClient",
    "AsyncRun",
    "Client",
    "Refused",
    "Run",
    "RunFailed",
    "SpecloomError",
    "Unreachable",
    "agent_meta",
]
_ROOMS = {
    "AsyncClient": "async_client",
    "AsyncRun": "async_runs",
    "Client": "client",
    "Run": "client",
    "Refused": "refusals",
    "RunFailed": "refusals",
    "SpecloomError": "refusals",
    "Unreachable": "refusals",
}


def __getattr__(name: str) -> Any:
    """Load what needs more than the standard library when it is named."""
    if name not in _ROOMS:
        raise AttributeError("module " + __name__ + " has no attribute " + name)
    return getattr(import_module(__name__ + "." + _ROOMS[name]), name)
