"""What a tool host finds in modules, and how it turns results and exceptions into JSON and names."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import errno
import math
import urllib.error
import uuid
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import StructuredTool
from pydantic import BaseModel

from workflows.hosting.pool import HostPool
from workflows.tools.registry import ToolGroup, describe_tools
from workflows.tools.tool_host import ToolError, as_json, error_kind, parameters_schema, result_schema


class Point(BaseModel):
    x: int
    when: dt.date


@dataclasses.dataclass
class Pair:
    left: Point
    right: tuple[int, ...]


class Colour(enum.Enum):
    RED = "red"


def test_models_dataclasses_and_dates_are_dumped() -> None:
    day = dt.date(2026, 11, 20)
    number = uuid.UUID(int=7)
    value = {"pair": Pair(Point(x=1, when=day), (1, 2)), "id": number, "colour": Colour.RED, "at": day, "set": {1}}
    assert as_json(value) == {
        "pair": {"left": {"x": 1, "when": "2026-11-20"}, "right": [1, 2]},
        "id": str(number),
        "colour": "red",
        "at": "2026-11-20",
        "set": [1],
    }


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "NaN"),
        ([{"a": math.inf}], "infinity"),
        (object(), "builtins.object, which is not JSON"),
        ({1: 2}, "a key of type int"),
        ("\ud800", "lone surrogate"),
        (b"x", "builtins.bytes"),
        (nested(500), "nested deeper"),
    ],
)
def test_what_is_not_json_is_refused_with_a_reason(value: object, said: str) -> None:
    with pytest.raises(ToolError, match=said) as caught:
        as_json(value)
    assert caught.value.kind == "tool-failed"


class ApiError(Exception):
    def __init__(self, status_code: int) -> None:
        super().__init__("no")
        self.status_code = status_code


class ReplyError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__("no")
        self.response = ApiError(status)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("x"), "tool-failed"),
        (FileNotFoundError(errno.ENOENT, "x"), "tool-failed"),
        (ConnectionRefusedError("x"), "unavailable"),
        (OSError(errno.EHOSTUNREACH, "x"), "unavailable"),
        (urllib.error.URLError(ConnectionRefusedError()), "unavailable"),
        (TimeoutError("x"), "timeout"),
        (ApiError(429), "rate-limit"),
        (ApiError(503), "unavailable"),
        (ApiError(404), "tool-failed"),
        (ReplyError(502), "unavailable"),
        (ReplyError(429), "rate-limit"),
    ],
)
def test_exceptions_have_error_names(error: Exception, kind: str) -> None:
    assert error_kind(error) == kind


def test_schemas_are_closed_and_come_from_annotations() -> None:
    def look(text: str, limit: int = 3) -> list[Point]:
        """Look."""
        return [Point(x=len(text), when=dt.date.min)] * limit

    tool = StructuredTool.from_function(look)
    parameters = parameters_schema(tool)
    assert parameters["additionalProperties"] is False
    assert parameters["required"] == ["text"]
    assert set(parameters["properties"]) == {"text", "limit"}
    assert result_schema(tool)["type"] == "array"


def test_a_tool_without_annotation_may_return_anything() -> None:
    def look(text: str):
        """Look."""
        return text

    assert result_schema(StructuredTool.from_function(look)) == {}


@pytest.mark.anyio
async def test_a_broken_module_is_reported_and_the_others_work(
    write_module: Any, tmp_path: Path, pool: HostPool
) -> None:
    write_module("broken", "import nowhere_to_be_found\n")
    write_module("exiting", "raise SystemExit(3)\n")
    write_module("empty", "x = 1\n")
    write_module(
        "working",
        '''
        from langchain_core.tools import tool

        @tool
        def add(a: int, b: int = 1) -> int:
            """Add."""
            return a + b

        @tool
        async def wait(text: str) -> str:
            """Wait."""
            return text

        add.metadata = {"version": "2.1.0"}
        ''',
    )
    group = ToolGroup("g", ("broken", "exiting", "empty", "working"), path=(tmp_path,), version="1.0.0")
    description = await describe_tools(group, pool)
    failures = {one.module: one.message for one in description.failures}
    assert failures["broken"].startswith("ModuleNotFoundError: No module named 'nowhere_to_be_found' (for ")
    assert failures["broken"].endswith("install it, or add its folder to `path`")
    assert failures["exiting"] == "SystemExit: 3"
    assert "decorate a function with @tool" in failures["empty"]
    found = {one.name: (one.version, one.is_async, one.result) for one in description.tools}
    assert found == {
        "g.add": ("2.1.0", False, {"type": "integer"}),
        "g.wait": ("1.0.0", True, {"type": "string"}),
    }
    assert all(one.source_digest.startswith("sha256:") for one in description.tools)


@pytest.mark.anyio
async def test_an_interpreter_without_langchain_is_reported(write_module: Any, tmp_path: Path, pool: HostPool) -> None:
    write_module("needy", "import langchain_core_that_is_missing\n")
    group = ToolGroup("g", ("needy",), path=(tmp_path,), python=tmp_path / "no-python")
    description = await describe_tools(group, pool)
    assert description.tools == ()
    assert "interpreter" in description.failures[0].message
