"""A chat that keeps nothing: it answers as one that had taken the message."""

import hashlib
from typing import Annotated

from langchain_core.tools import tool
from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12


class Posted(TypedDict):
    """A message that was posted; `id` is the same for the same words in the same channel."""

    id: str
    channel: str


@tool
async def post(
    text: Annotated[str, Field(min_length=1, description="The message.")],
    channel: Annotated[str, Field(min_length=1, description="Where to post it.")] = "general",
) -> Posted:
    """Post a message."""
    return {"id": hashlib.sha256(f"{channel}\n{text}".encode()).hexdigest()[:12], "channel": channel}
