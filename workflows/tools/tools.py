"""The port's adapter: calls tools of the catalog, async ones on the loop and all others in hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows.errors import StepError, UnknownSecret
from workflows.hosting.errors import HostError, HostFailure, HostLimitExceeded, HostTimeout
from workflows.hosting.pool import HostPool
from workflows.local_files import PathOf, with_local_files
from workflows.ports import Secrets, ToolCall
from workflows.run import RunId
from workflows.tools.loop_calls import call_on_loop
from workflows.tools.registry import ToolGroup, ToolRecord
from workflows.tools.scrubbing import Scrubber
from workflows.tracing import TRACEPARENT

Json = Any

_KINDS = frozenset(["tool-failed", "timeout", "unavailable", "rate-limit"])


@dataclass(frozen=True, slots=True)
class BoundTool:
    """A tool of the catalog with what is needed to call it."""

    group: ToolGroup
    record: ToolRecord
    live: Any = None  # the LangChain tool itself, when it runs on the server's loop


class CatalogTools:
    """Call tools by their names in the catalog.

    A sync tool works in the run's directory, in a host that is killed with all its children when its time is up. An
    async tool works in the server's process: it has no directory of its own, and finds its key in
    `config["metadata"]["idempotency_key"]` only. It is stopped at its next `await`: one that blocks in between blocks
    the server for as long, and its timeout comes too late. Nothing can be done about that from outside; make such a
    tool sync.
    """

    def __init__(
        self,
        tools: Mapping[str, BoundTool],
        pool: HostPool,
        secrets: Secrets,
        *,
        work_directory: Callable[[RunId], Path] | None = None,
        path_of: PathOf | None = None,
    ) -> None:
        """Take the bindings of a `LoadedCatalog`.

        `work_directory` tells where a run's sync tools work, `path_of` where the bytes of an artifact lie.
        """
        self._tools = dict(tools)
        self._pool = pool
        self._secrets = secrets
        self._work_directory = work_directory
        self._path_of = path_of

    async def call(self, call: ToolCall) -> Json:
        """Return the tool's JSON result; raises `StepError`s, whose texts hold no value of a secret."""
        bound = self._tools.get(call.binding.name)
        if bound is None:
            message = f"{call.binding.name} is not in the catalog any more: see `specloom stages`"
            raise StepError(message, error_name="tool-failed")
        arguments = call.arguments
        if self._path_of is not None:
            arguments = await with_local_files(call.binding.parameters, arguments, self._path_of)
        values = self._secret_values(bound.group, call.secrets)
        scrubber = Scrubber(values.values())
        try:
            return scrubber.result(await self._result(bound, call, {**arguments, **values}))
        except StepError as error:
            failure = StepError(
                scrubber.text(f"{bound.record.name}: {error.message}"),
                error_name=error.error_name,
                tail=scrubber.text(error.tail),
            )
        raise failure  # out here, so that it drags along no exception with a secret in its text

    def _secret_values(self, group: ToolGroup, wanted: Mapping[str, str]) -> dict[str, str]:
        values: dict[str, str] = {}
        for parameter, name in wanted.items():
            if name not in group.secrets:
                message = f"the secret {name} may not be given to tools of {group.name}: see `secrets` in its table"
                raise StepError(message, error_name="tool-failed")
            try:
                values[parameter] = self._secrets.value(name)
            except UnknownSecret as error:
                raise StepError(error.message, error_name="tool-failed") from error
        return values

    async def _result(self, bound: BoundTool, call: ToolCall, arguments: Mapping[str, Json]) -> Json:
        if bound.live is not None:
            return await call_on_loop(bound.live, arguments, call.idempotency_key, call.timeout_seconds)
        try:
            return await self._host_result(bound, call, arguments)
        except HostTimeout as error:
            message = f"took longer than {call.timeout_seconds or 0:g} s; its processes are gone"
            raise StepError(message, error_name="timeout", tail=error.tail) from error
        except HostError as error:
            kind = error.kind if error.kind in _KINDS else "tool-failed"
            raise StepError(error.message, error_name=kind, tail=error.tail) from error
        except HostLimitExceeded as error:
            raise StepError(error.message, error_name="tool-failed", tail=error.tail) from error
        except HostFailure as error:
            raise StepError(error.message, error_name=error.name, tail=error.tail) from error

    async def _host_result(self, bound: BoundTool, call: ToolCall, arguments: Mapping[str, Json]) -> Json:
        params = {"tool": bound.record.tool, "arguments": arguments, "idempotency_key": call.idempotency_key}
        variables = {"SPECLOOM_IDEMPOTENCY_KEY": call.idempotency_key}
        if call.traceparent is not None:
            variables[TRACEPARENT] = call.traceparent
        directory = self._work_directory(call.run_id) if self._work_directory else None
        async with AsyncExitStack() as stack:
            if directory is not None:
                folder = await stack.enter_async_context(self._pool.temporary.given(directory))
                variables["TMPDIR"] = str(folder)
            spec = bound.group.host([directory] if directory else [])
            host = await stack.enter_async_context(self._pool.lease(spec))
            return await host.call("call", params, timeout=call.timeout_seconds, cwd=directory, env=variables)
