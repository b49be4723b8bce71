"""Server-sent events: lines become frames."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """One event of a stream."""

    data: str
    id: str | None = None


async def frames(lines: AsyncIterable[str]) -> AsyncGenerator[Frame]:
    """Yield the frames of a stream as each is complete; comments and what is cut off are left out."""
    data: list[str] = []
    last_id: str | None = None
    async for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            yield Frame("\n".join(data), last_id)
            data = []
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value
