"""What tasks print, told while they run: in pieces, up to a measure, and without the values of secrets."""

from __future__ import annotations

import asyncio
import codecs
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workflows.tools.scrubbing import ScrubbedStream, Scrubber

LOOK_SECONDS = 0.25  # between two looks at a log, and so between two pieces
TASK_BYTES = 64 * 1024  # that are told of one task
STEP_BYTES = 1024 * 1024  # that are told of all tasks of a step

Tell = Callable[[str, bool], None]  # a piece of text, and whether it is the last though the log goes on


@dataclass(slots=True)
class Measure:
    """How much of what a step prints may still be told."""

    left: int = STEP_BYTES


class PrintedText:
    """Follows the log of one task while it grows; the host writes the file, so nothing is slowed down by telling."""

    def __init__(self, log: Path, tell: Tell, measure: Measure, scrubber: Scrubber) -> None:
        self._log = log
        self._tell = tell
        self._measure = measure
        self._stream = ScrubbedStream(scrubber)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._position = log.stat().st_size if log.exists() else 0  # what earlier tries have printed is told
        self._left = TASK_BYTES
        self._is_over = False

    @contextmanager
    def followed(self) -> Generator[None]:
        """Tell what the log gets while the block runs, and the rest at its end."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            nonlocal timer
            self._look()
            timer = loop.call_later(LOOK_SECONDS, look)

        timer = loop.call_later(LOOK_SECONDS, look)
        try:
            yield
        finally:
            timer.cancel()
            self._look(is_last=True)

    def _look(self, *, is_last: bool = False) -> None:
        if self._is_over:
            return
        fresh, has_more = self._read()
        text = self._stream.take(self._decoder.decode(fresh, final=is_last or has_more))
        if is_last or has_more:
            text += self._stream.rest()
            self._is_over = True
        if text or has_more:
            self._tell(text.replace("\x00", "�"), has_more)

    def _read(self) -> tuple[bytes, bool]:
        """Return what is new in the log as far as it may be told, and whether that is not all."""
        try:
            size = os.stat(self._log).st_size  # noqa: PTH116 - many tasks print nothing, and this is all they cost
        except OSError:
            return b"", False
        if size < self._position:  # shortened, since there was too much
            return b"", True
        may_have = min(self._left, self._measure.left)
        if size == self._position:
            return b"", False
        with self._log.open("rb") as file:
            file.seek(self._position)
            fresh = file.read(min(size - self._position, may_have))
        self._position += len(fresh)
        self._left -= len(fresh)
        self._measure.left -= len(fresh)
        return fresh, size > self._position


def scrub_log(log: Path | None, scrubber: Scrubber) -> None:
    """Take the values of secrets out of a log, before it is kept."""
    if log is None or not scrubber.has_values or not log.exists():
        return
    text = log.read_bytes().decode("utf-8", "surrogateescape")
    clean = scrubber.text(text)
    if clean != text:
        log.write_bytes(clean.encode("utf-8", "surrogateescape"))
