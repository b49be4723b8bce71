"""What a pipeline says of its tasks to Specloom.

`agent_meta` needs nothing but the standard library.
"""

from __future__ import annotations

from specloom_client.agents import ATTRIBUTE, agent_meta

__all__ = ["ATTRIBUTE", "agent_meta"]
