"""The program of a tool host: finds the LangChain tools of the user's modules and calls them.

One file without dependencies of its own, since the group's interpreter runs it and need not have ours: what it knows
of LangChain and pydantic, it takes from the modules that the user's code has loaded.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# (all that this file handles is the user's and LangChain's, and none of it may be imported here)
from __future__ import annotations

import asyncio
import datetime as dt
import enum
import hashlib
import importlib
import math
import sys
import typing
import uuid

Json = typing.Any

_DEEPEST = 100  # levels of nesting in a result
_LONGEST = 1000  # characters of a message
_ERRNOS_OF_ABSENCE = {"ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "EPIPE", "ENETDOWN"}
_NAMES_OF_ABSENCE = {"ConnectionError", "NetworkError", "ConnectError", "gaierror", "ClientConnectionError"}
_NAMES_OF_TIMEOUT = {"TimeoutError", "TimeoutException", "Timeout"}


class ToolError(Exception):
    """What went wrong with a call; `kind` is the error name of the step."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def load(options: dict[str, Json]) -> dict[str, typing.Callable[[dict[str, Json], typing.Any], Json]]:
    """Import the modules and return the functions of this program: `describe` and `call`."""
    finding = find_tools(options["modules"])

    def describe(_params: dict[str, Json], _call: typing.Any) -> Json:
        return describe_tools(finding)

    def call(params: dict[str, Json], _call: typing.Any) -> Json:
        tool = next((one.tool for one in finding.tools if one.tool.name == params["tool"]), None)
        if tool is None:
            raise ToolError("tool-failed", f"the modules hold no tool {params['tool']}")
        return call_tool(tool, params["arguments"], params["idempotency_key"])

    return {"describe": describe, "call": call}


class FoundTool(typing.NamedTuple):
    """A tool and where it was found."""

    module: str
    attribute: str
    tool: typing.Any


class Finding:
    """What the modules hold, and what of them is broken."""

    def __init__(self) -> None:
        self.tools: list[FoundTool] = []
        self.failures: list[dict[str, str]] = []

    def fail(self, module: str, message: str) -> None:
        """Report a module."""
        self.failures.append({"module": module, "message": message[:_LONGEST]})

    def add(self, module: str, attribute: str, tool: typing.Any) -> None:
        """Take a tool, once; two tools of one name are reported."""
        same = next((one for one in self.tools if one.tool.name == tool.name), None)
        if same is None:
            self.tools.append(FoundTool(module, attribute, tool))
        elif same.tool is not tool:
            self.fail(module, f"a second tool is named {tool.name}; the first one, in {same.module}, is used")


def find_tools(modules: list[str]) -> Finding:
    """Import modules ("package.module" or "package.module:attribute") and collect the tools at their top level."""
    finding = Finding()
    for spec in modules:
        name, _, attribute = spec.partition(":")
        try:
            module = importlib.import_module(name)
            found = _tools_of(module, attribute)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything
            hint = f" (for {sys.executable}): install it, or add its folder to `path`"
            is_missing = isinstance(error, ModuleNotFoundError)
            finding.fail(spec, f"{type(error).__name__}: {error}{hint if is_missing else ''}")
            continue
        if not found:
            finding.fail(spec, "holds no LangChain tool at its top level: decorate a function with @tool")
        for where, tool in found:
            finding.add(name, where, tool)
    return finding


def _tools_of(module: typing.Any, attribute: str) -> list[tuple[str, typing.Any]]:
    langchain = sys.modules.get("langchain_core.tools")
    if langchain is None:
        return []
    named = {attribute: getattr(module, attribute)} if attribute else dict(vars(module))
    found: list[tuple[str, typing.Any]] = []
    for where, value in named.items():
        is_several = bool(attribute) and type(value) in (list, tuple)
        several: list[typing.Any] = list(value) if is_several else [value]
        found += [(where, one) for one in several if isinstance(one, langchain.BaseTool)]
    return found


def describe_tools(finding: Finding) -> Json:
    """Return `{tools, failures}`; a tool that cannot be described is a failure of its module."""
    tools: list[Json] = []
    failures = list(finding.failures)
    for found in finding.tools:
        try:
            tools.append(_description(found))
        except Exception as error:  # noqa: BLE001 - schemas are made of the user's types
            message = f"{found.tool.name} cannot be described: {type(error).__name__}: {error}"
            failures.append({"module": found.module, "message": message})
    return {"tools": tools, "failures": failures}


def _description(found: FoundTool) -> Json:
    tool = found.tool
    module: typing.Any = sys.modules[found.module]
    file: str = getattr(module, "__file__", None) or ""
    return {
        "tool": tool.name,
        "module": found.module,
        "attribute": found.attribute,
        "file": file,
        "source_digest": _digest(file or found.module),
        "version": str((tool.metadata or {}).get("version") or ""),
        "description": str(tool.description or ""),
        "parameters": as_json(parameters_schema(tool)),
        "result": as_json(result_schema(tool)),
        "is_async": has_coroutine(tool),
    }


def _digest(file: str) -> str:
    try:
        with open(file, "rb") as source:  # noqa: PTH123 - one system call, and no more imports in every host
            content = source.read()
    except OSError:
        content = file.encode()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def parameters_schema(tool: typing.Any) -> dict[str, Json]:
    """Return the JSON Schema of what a caller may give: closed, and without what LangChain itself injects."""
    declared = tool.tool_call_schema  # a model, or a schema already
    schema: dict[str, Json] = {**(declared if type(declared) is dict else declared.model_json_schema())}
    schema.pop("title", None)
    schema.pop("description", None)  # the tool's, which the catalog has already
    schema.setdefault("properties", {})
    return {**schema, "type": "object", "additionalProperties": False}


def result_schema(tool: typing.Any) -> dict[str, Json]:
    """Return the JSON Schema of the return annotation; empty where that says nothing."""
    function = getattr(tool, "coroutine", None) or getattr(tool, "func", None)
    if function is None or getattr(tool, "response_format", "content") != "content":
        return {}
    try:
        annotation = typing.get_type_hints(function).get("return", typing.Any)
        if annotation is typing.Any:
            return {}
        adapter = sys.modules["pydantic"].TypeAdapter(annotation)
        return adapter.json_schema(mode="serialization")
    except Exception:  # noqa: BLE001 - an annotation that nobody can resolve says nothing
        return {}


def has_coroutine(tool: typing.Any) -> bool:
    """Tell whether the tool can be awaited without a thread behind it."""
    if hasattr(tool, "coroutine"):
        return tool.coroutine is not None
    langchain = sys.modules["langchain_core.tools"]
    return type(tool)._arun is not langchain.BaseTool._arun  # noqa: SLF001


def call_tool(tool: typing.Any, arguments: dict[str, Json], idempotency_key: str) -> Json:
    """Call a tool in this process and return its result as JSON; raises `ToolError`."""
    config = {"metadata": {"idempotency_key": idempotency_key}}
    try:
        if has_coroutine(tool) and getattr(tool, "func", None) is None:
            return as_json(asyncio.run(tool.ainvoke(arguments, config=config)))
        return as_json(tool.invoke(arguments, config=config))
    except ToolError:
        raise
    except Exception as error:
        raise ToolError(error_kind(error), error_text(error)) from error


def error_text(error: BaseException) -> str:
    """Return the exception's text, or the name of its class where it has none."""
    errors = getattr(error, "errors", None)
    if type(error).__name__ == "ValidationError" and callable(errors):  # of pydantic: a line per mistake, no input
        mistakes: typing.Any = errors()
        return "; ".join(".".join(str(step) for step in one["loc"]) + ": " + one["msg"] for one in mistakes)
    return str(error).strip() or type(error).__name__


def error_kind(error: BaseException) -> str:
    """Return the error name of the step that an exception stands for."""
    status = _http_status(error)
    names = {one.__name__ for one in type(error).__mro__}
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return "rate-limit"
    if names & _NAMES_OF_TIMEOUT:
        return "timeout"
    if status in (502, 503, 504) or names & _NAMES_OF_ABSENCE or _is_absence(error):
        return "unavailable"
    return "tool-failed"


def _http_status(error: BaseException) -> int | None:
    places = (error, getattr(error, "response", None))
    found = [getattr(place, name, None) for place in places for name in ("status_code", "status", "code")]
    return next((one for one in found if isinstance(one, int)), None)


def _is_absence(error: BaseException) -> bool:
    reason = getattr(error, "reason", None)  # of urllib's URLError
    if isinstance(reason, OSError):
        return error_kind(reason) == "unavailable"
    if not isinstance(error, OSError) or error.errno is None:
        return False
    errno = importlib.import_module("errno")
    return errno.errorcode.get(error.errno) in _ERRNOS_OF_ABSENCE


def as_json(value: typing.Any, depth: int = 0) -> Json:
    """Return a tool's result as JSON data: models and dataclasses are dumped; raises `ToolError` for what is not JSON.

    Dates, UUIDs and enumerations become what pydantic writes for them, so that results fit the schema of the
    annotation.
    """
    if depth > _DEEPEST:
        raise ToolError("tool-failed", f"the result is nested deeper than {_DEEPEST} levels")
    if value is None or isinstance(value, (bool, int, float, str)):
        return _plain(value)
    if isinstance(value, dict):
        entries = typing.cast("dict[typing.Any, typing.Any]", value)
        return {_key(key): as_json(one, depth + 1) for key, one in entries.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(one, depth + 1) for one in typing.cast("list[typing.Any]", value)]
    return as_json(_dumped(value), depth + 1)


def _plain(value: typing.Any) -> Json:
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ToolError("tool-failed", "the result holds NaN or an infinity, which JSON does not have")
    if isinstance(value, str):
        return _text(value)
    return value


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ToolError("tool-failed", "the result holds text that is not Unicode: a lone surrogate") from None
    return str(value)


def _key(key: typing.Any) -> str:
    if not isinstance(key, str):
        raise ToolError("tool-failed", f"the result has a key of type {type(key).__name__}; JSON keys are text")
    return _text(key)


def _dumped(value: typing.Any) -> typing.Any:
    kind: typing.Any = type(value)
    if callable(getattr(kind, "model_dump", None)):
        return value.model_dump(mode="json")
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        return {name: getattr(value, name) for name in fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    raise ToolError("tool-failed", f"the result holds a {name}, which is not JSON: return text, numbers, lists or maps")
