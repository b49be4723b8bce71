"""What a group's description says, and what becomes of parameters of every type."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from workflows.hosting import pool as pool_module
from workflows.hosting.pool import HostPool
from workflows.luigi import registry
from workflows.luigi.errors import InvalidParameter
from workflows.luigi.registry import LuigiGroup, describe_group
from workflows.luigi.stages import LuigiStages, StageCall

pytestmark = pytest.mark.anyio

VALUES: dict[str, tuple[Any, str]] = {
    "text": ("a b", "'a b'"),
    "integer": (7, "7"),
    "real": (2, "2.0"),
    "yes": (True, "True"),
    "day": ("2026-11-20", "datetime.date(2026, 11, 20)"),
    "month": ("2026-11", "datetime.date(2026, 11, 1)"),
    "year": (2025, "datetime.date(2025, 1, 1)"),
    "hour": ("2026-11-20T07", "datetime.datetime(2026, 11, 20, 7, 0)"),
    "minute": ("2026-11-20T0708", "datetime.datetime(2026, 11, 20, 7, 8)"),
    "second": ("2026-11-20T070809", "datetime.datetime(2026, 11, 20, 7, 8, 9)"),
    "interval": ("2026-W03", "2026-W03"),
    "delta": ("2 h", "datetime.timedelta(seconds=7200)"),
    "choice": (3, "3"),
    "choices": (["b", "a", "b"], "('b', 'a', 'b')"),
    "colour": ("BLUE", "<Colour.BLUE: 2>"),
    "colours": (["BLUE", "RED"], "(<Colour.BLUE: 2>, <Colour.RED: 1>)"),
    "items": ([1, None, {"a": [True]}], "(1, None, {'a': (True,)})"),
    "pair": ([True, None, [1.5]], "(True, None, (1.5,))"),
    "table": ({"x": 1}, "{'x': 1}"),
    "path": ("z", "PosixPath('z')"),
    "share": (1.0, "1.0"),
    "maybe": (None, "None"),
    "maybe_integer": (None, "None"),
    "maybe_choice": ("a", "'a'"),
    "maybe_text": ("x", "'x'"),
    "maybe_real": (1.5, "1.5"),
    "maybe_yes": (None, "None"),
    "maybe_table": ({"a": 1}, "{'a': 1}"),
    "maybe_items": ([1], "(1,)"),
    "maybe_pair": (None, "None"),
    "maybe_path": ("p", "PosixPath('p')"),
    "maybe_share": (7, "7"),
    "secret": ("psst", "'psst'"),
    "quiet": ("very", "'very'"),
    "jobs": (4, "4"),
}

REFUSED: dict[str, Any] = {
    "day": "tomorrow",
    "interval": "whenever",
    "delta": "for ever",
    "choice": 9,
    "choices": ["c"],
    "colour": "GREEN",
    "share": 1.5,
    "table": {"x": "one"},
    "integer": "abc",
    "real": None,
    "maybe_share": 70,
}


@pytest.fixture
def typed(group: LuigiGroup) -> LuigiGroup:
    return replace(group, name="typed", modules=("typed",))


async def test_stages_are_described_and_what_is_no_stage_is_not(pool: HostPool, group: LuigiGroup):
    found = {stage.name: stage for stage in (await describe_group(group, pool)).stages}
    assert {"shop.Top", "shop.Delivery", "shop.Level", "shop.Decorated"} < found.keys()
    assert {"shop.Settings", "shop._Hidden", "shop.Task", "shop.requires"}.isdisjoint(found)
    top = found["shop.Top"]
    assert (top.version, top.description, top.module, top.qualname) == (
        "2.0.0",
        "The top of a diamond.",
        "shop",
        "Top",
    )
    assert found["shop.Left"].version == "1.4.0"
    assert top.source_digest.startswith("sha256:")


async def test_a_description_is_the_same_every_time(pool: HostPool, group: LuigiGroup):
    assert await describe_group(group, pool) == await describe_group(group, pool)


async def test_what_is_broken_is_listed_and_the_rest_works(pool: HostPool, group: LuigiGroup):
    several = replace(group, modules=("broken", "missing", "typed"))
    found = await describe_group(several, pool)
    assert [stage.name for stage in found.stages] == ["shop.Every"]
    assert [(failure.module, failure.message.partition(":")[0]) for failure in found.failures] == [
        ("broken", "SystemExit"),
        ("missing", "ModuleNotFoundError"),
        ("typed", "shop.TakesTask"),
    ]


async def test_an_interpreter_without_luigi_is_an_import_failure(pool: HostPool, group: LuigiGroup, tmp_path: Path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'no luigi here' >&2\nexit 1\n")
    python.chmod(0o755)
    found = await describe_group(replace(group, python=python), pool)
    assert [failure.module for failure in found.failures] == ["shop"]
    assert found.failures[0].message.endswith("no luigi here")


async def test_every_parameter_has_a_schema_that_takes_its_values(pool: HostPool, typed: LuigiGroup):
    (every,) = [stage for stage in (await describe_group(typed, pool)).stages if stage.name == "typed.Every"]
    schema = every.parameters
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["text"]
    assert schema["properties"].keys() == VALUES.keys()
    jsonschema.validate({name: value for name, (value, _) in VALUES.items()}, schema)
    for name in REFUSED.keys() - {"interval", "delta"}:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"text": "", name: REFUSED[name]}, schema)


async def test_schemas_tell_marks_and_static_defaults(pool: HostPool, typed: LuigiGroup):
    (every,) = [stage for stage in (await describe_group(typed, pool)).stages if stage.name == "typed.Every"]
    known = every.parameters["properties"]
    assert known["integer"] == {"type": "integer", "default": 3}
    assert known["text"] == {"type": "string", "description": "Some text."}
    assert known["secret"] == {"type": "string", "x-luigi-visibility": "private"}
    assert known["quiet"] == {"type": "string", "x-luigi-visibility": "hidden"}
    assert known["jobs"] == {"type": "integer", "default": 1, "x-luigi-insignificant": True}
    assert known["maybe_choice"]["enum"] == ["a", None]
    assert "hush" not in json.dumps(every.parameters)


async def test_every_value_arrives_as_luigi_would_parse_it(
    stages: LuigiStages, call: Callable[..., StageCall], typed: LuigiGroup, recorder
):
    arguments = {name: value for name, (value, _) in VALUES.items()}
    result = await stages.run(call("Every", arguments, group=typed, read="json"), recorder)
    assert "psst" not in json.dumps(result.expansion.as_json())
    seen = {name: text for name, text in result.data.items() if name in VALUES}
    expected = {name: text for name, (_, text) in VALUES.items()}
    assert seen == expected


async def test_a_whole_number_is_an_integer_however_it_is_written(
    stages: LuigiStages, call: Callable[..., StageCall], typed: LuigiGroup
):
    arguments = {"text": "", "integer": 2.0, "year": 2025.0, "choice": 2.0}
    expansion = await stages.preview(call("Every", arguments, group=typed))
    params = expansion.task(expansion.root).params
    assert (params["integer"], params["year"], params["choice"]) == ("2", "2025", "2")


@pytest.mark.parametrize("name", sorted(REFUSED))
async def test_a_value_that_does_not_parse_is_an_invalid_parameter_and_not_echoed(
    stages: LuigiStages, call: Callable[..., StageCall], typed: LuigiGroup, name: str
):
    with pytest.raises(InvalidParameter, match=f"parameter {name}") as caught:
        await stages.preview(call("Every", {"text": "", name: REFUSED[name]}, group=typed))
    assert str(REFUSED[name]) not in caught.value.message.replace("no value of", "")
    assert caught.value.name == "invalid-parameter"


async def test_a_value_that_changes_when_it_is_written_down_is_refused(
    stages: LuigiStages, call: Callable[..., StageCall], typed: LuigiGroup
):
    with pytest.raises(InvalidParameter, match="changes when it is written down"):
        await stages.preview(call("Every", {"text": "", "delta": 1.5}, group=typed))


@pytest.mark.parametrize(
    "file",
    [*Path(pool_module.__file__).parent.glob("child*.py"), *Path(registry.__file__).parent.glob("stage_*.py")],
    ids=lambda file: file.name,
)
def test_what_runs_in_a_host_is_python_3_8_and_imports_nothing_of_the_servers(file: Path):
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0}
    assert not any(name.partition(".")[0] in {"workflows", "translator", "spec_service"} for name in imported)
