"""The child's side of heavy evaluations: frames in on stdin, answers on stdout, under limits that the kernel holds.

A frame is a length (8 bytes, big-endian) and JSON. The first frame out says that the child is ready. An evaluation
that uses up its processor time is ended by SIGPROF, with the whole process: the engine cannot be interrupted.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from translator.language.cel import CelEngine
from translator.language.expressions import (
    EngineFault,
    ExpressionError,
    ExpressionFailed,
    ExpressionTooCostly,
    evaluate_spread,
)

_PR_SET_PDEATHSIG = 1


def serve(memory: int, seconds: float, largest: int) -> None:
    """Answer requests until stdin ends.

    `memory` is in bytes above what the process has now, `seconds` is processor time per request, `largest` the bytes of
    an answer at the most.
    """
    _die_with_parent()
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing that prints may break the frames
    engine = CelEngine()
    warming: dict[str, Any] = {"text": "[1].map(x, x)", "variables": {}, "values": {}, "spread": None}
    _evaluated(engine, warming)  # what is loaded lazily is loaded before memory is limited
    _limit_memory(memory)
    write_frame(answers, b"{}")
    while (request := _read_frame(requests)) is not None:
        write_frame(answers, _answer(engine, json.loads(request), seconds, largest))


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Write one frame and flush."""
    stream.write(len(payload).to_bytes(8, "big") + payload)
    stream.flush()


def _read_frame(stream: BinaryIO) -> bytes | None:
    head = stream.read(8)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 8 else None  # noqa: PLR2004 — the length of a length


def _answer(engine: CelEngine, request: dict[str, Any], seconds: float, largest: int) -> bytes:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        answer = json.dumps({"value": _evaluated(engine, request)}).encode()
        if len(answer) > largest:
            raise ExpressionTooCostly
    except MemoryError:
        answer = json.dumps({"error": ExpressionTooCostly.name}).encode()
    except ExpressionError as error:
        answer = json.dumps({"error": error.name, "message": error.message}).encode()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return answer


def _evaluated(engine: CelEngine, request: dict[str, Any]) -> Any:
    program = engine.compile(request["text"], request["variables"])
    if isinstance(program, EngineFault):
        raise ExpressionFailed(program.message)
    return evaluate_spread(program, request["values"], request["spread"])


def _limit_memory(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 — pathlib is one more import to load
            used = int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux: there the limit of time is the only one
        return
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))


def _die_with_parent() -> None:
    """Ask the kernel to end this process with its parent, busy or not; elsewhere than on Linux stdin's end does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
