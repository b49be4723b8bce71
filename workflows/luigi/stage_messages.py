"""Messages to a running task, as Luigi's scheduler passes them on: files in a folder, oldest first.

Part of the stage host: standard library and Luigi only, Python 3.8. A message that came before the task started, or
while no server ran, waits in its folder.
"""

# os.path is what Luigi speaks
# ruff: noqa: PTH105, PTH118, PTH123, PTH208

from __future__ import annotations

import json
import os
import queue
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable

PAUSE = 0.05  # seconds between two looks of a task that waits
TAKEN = ".taken"  # what a message's file ends with once the task has it


class Message:
    """What somebody told a task; it has what Luigi's own messages have."""

    def __init__(self, number: int, content: Any, payload: dict[str, Any], answer: Callable[[int, str], None]) -> None:
        self._number = number
        self._answer = answer
        self.content = content
        self.payload = payload

    def __str__(self) -> str:
        return str(self.content)

    def __eq__(self, other: object) -> bool:
        return bool(self.content == other)

    __hash__ = None  # type: ignore[assignment]  # as Luigi's

    def respond(self, response: Any) -> None:
        """Answer whoever has sent it."""
        self._answer(self._number, str(response))


class Messages:
    """The messages to one task, taken as from a `queue.Queue`."""

    def __init__(self, folder: str, answer: Callable[[int, str], None]) -> None:
        self._folder = folder
        self._answer = answer

    def get(self, block: bool = True, timeout: float | None = None) -> Message:  # noqa: FBT001, FBT002 - as queues have it
        """Return the oldest message and take it out; raises `queue.Empty`."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            waiting = self._waiting()
            if waiting:
                return self._take(waiting[0])
            if not block or (end is not None and time.monotonic() >= end):
                raise queue.Empty
            time.sleep(PAUSE)

    def get_nowait(self) -> Message:
        """Return the oldest message at once; raises `queue.Empty`."""
        return self.get(block=False)

    def empty(self) -> bool:
        """Tell whether there is no message."""
        return not self._waiting()

    def qsize(self) -> int:
        """Return how many messages there are."""
        return len(self._waiting())

    def _waiting(self) -> list[int]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        return sorted(int(name[: -len(".json")]) for name in names if name.endswith(".json"))

    def _take(self, number: int) -> Message:
        path = os.path.join(self._folder, f"{number}.json")
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
        os.replace(path, path + TAKEN)
        return Message(number, told["content"], told["payload"], self._answer)
