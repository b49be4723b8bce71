"""Where expressions are evaluated: light ones at once, heavy ones in a warm child with a limit on time and memory."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self, cast

from translator.language.expressions import ExpressionFailed, ExpressionTooCostly
from translator.language.templates import CompiledValue, Expression, Template

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from workflows.hosting.evaluation_host import serve; serve({memory}, {seconds}, {largest})"
)
_LARGEST = 32 * 2**20  # bytes of a question and of an answer; more would hold the loop while it is read
_START_SECONDS = 30.0
_WALL_FACTOR = 20  # on a busy machine a little processor time may take long


class EvaluationHost:
    """Keep one warm child that evaluates; an async context manager.

    `seconds` is processor time per evaluation, `memory` bytes above what the child needs anyhow. A child that exceeds
    one is dead, and the next is started at once.
    """

    def __init__(self, *, seconds: float = 0.2, memory: int = 256 * 2**20) -> None:
        self._seconds = seconds
        self._memory = memory
        self._process: Process | None = None
        self._is_ready = False
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start the child; it gets ready meanwhile."""
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the child."""
        await self._end()

    @property
    def pid(self) -> int | None:
        """The child's process id, which is its process group's, too."""
        return self._process.pid if self._process else None

    async def evaluate(self, expression: Expression, values: Mapping[str, Any]) -> Any:
        """Evaluate one expression of a template; raise `ExpressionFailed` or `ExpressionTooCostly`."""
        question = {
            "text": expression.text,
            "variables": expression.variables,
            "values": expression.bind(values),
            "spread": expression.spread,
        }
        request = json.dumps(question, default=_as_dict).encode()
        if len(request) > _LARGEST:
            raise ExpressionTooCostly
        async with self._turn:
            answer = await self._exchange(request)
        if "error" not in answer:
            return answer["value"]
        kind = ExpressionTooCostly if answer["error"] == ExpressionTooCostly.name else ExpressionFailed
        raise kind(answer.get("message"))

    async def _exchange(self, request: bytes) -> dict[str, Any]:
        try:
            process = await self._ready()
            async with asyncio.timeout(self._seconds * _WALL_FACTOR):
                return json.loads(await _call(process, request))
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            await self._restart()
            raise ExpressionTooCostly from None
        except BaseException:  # cancelled halfway: what it answers later must not meet the next question
            await self._restart()
            raise

    async def _ready(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            await self._restart()
        process = cast("Process", self._process)
        if not self._is_ready:
            await _first_sign_of(process)
            self._is_ready = True
        return process

    async def _restart(self) -> None:
        await self._end()
        await self._start()

    async def _start(self) -> None:
        """Start a child in a process group of its own, with none of our environment."""
        self._is_ready = False
        call = _PROGRAM.format(memory=self._memory, seconds=self._seconds, largest=_LARGEST)
        command = (sys.executable, "-I", "-c", call, json.dumps(sys.path))
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, start_new_session=True
        )

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


class Evaluator:
    """Evaluate templates without ever holding the event loop for long; an async context manager."""

    def __init__(self, host: EvaluationHost | None = None) -> None:
        self._host = host or EvaluationHost()

    async def __aenter__(self) -> Self:
        """Start the child for heavy evaluations."""
        await self._host.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """End the child."""
        await self._host.__aexit__(*error)

    async def evaluate(self, template: Template | CompiledValue, values: Mapping[str, Any]) -> Any:
        """Return the value as JSON; raise `ExpressionFailed` or `ExpressionTooCostly`."""
        heavy = [expression for expression in template.expressions if expression.is_heavy(values)]
        known = {each: await self._host.evaluate(each, values) for each in heavy}
        return template.evaluate(values, known)


async def _first_sign_of(process: Process) -> None:
    """Wait until a child says that it is ready; one that never does is no question of cost."""
    try:
        async with asyncio.timeout(_START_SECONDS):
            await _read_frame(process)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        raise ExpressionFailed("no process for heavy expressions could be started") from None


async def _call(process: Process, request: bytes) -> bytes:
    stdin = cast("asyncio.StreamWriter", process.stdin)
    stdin.write(len(request).to_bytes(8, "big") + request)
    await stdin.drain()
    return await _read_frame(process)


async def _read_frame(process: Process) -> bytes:
    stdout = cast("asyncio.StreamReader", process.stdout)
    return await stdout.readexactly(int.from_bytes(await stdout.readexactly(8), "big"))


def _as_dict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    raise ExpressionFailed("a value is nothing that JSON can hold")
