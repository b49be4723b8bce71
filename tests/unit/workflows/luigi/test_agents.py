"""What a stage's record says to agents, with `agent_meta` and without."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from workflows.hosting.pool import HostPool
from workflows.luigi.agents import StageAgent, display_name
from workflows.luigi.registry import GroupDescription, LuigiGroup, describe_group

pytestmark = pytest.mark.anyio
CLIENT = Path(__file__).parents[4] / "clients" / "python"
LUIGI = Path(__file__).parents[4] / "workflows" / "luigi"


async def described(pool: HostPool, group: LuigiGroup) -> GroupDescription:
    named = replace(group, name="law", modules=("staff",), path=(*group.path, CLIENT))
    return await describe_group(named, pool)


async def agents_of(pool: HostPool, group: LuigiGroup) -> dict[str, StageAgent]:
    return {one.name: one.agent for one in (await described(pool, group)).stages}


async def test_a_decorated_class_says_what_agents_know(pool: HostPool, group: LuigiGroup):
    agents = await agents_of(pool, group)
    agent = agents["law.IdentifyRisks"]
    assert agent.model_dump(exclude={"output_schema"}) == {
        "name": "identify-risks",
        "display_name": "Identify risks",
        "description": "Finds the risks of a contract.",
        "tools": ("search",),
        "outputs": ("risks",),
        "stage": "analysis",
        "tags": ("legal",),
        "timeout_seconds": 120,
        "max_retries": 2,
        "holds_data": True,
    }
    properties = agent.output_schema["properties"]
    assert properties["data"]["type"] == "array"
    assert properties["outputs"]["required"] == ["uri"]


async def test_a_subclass_inherits_nothing(pool: HostPool, group: LuigiGroup):
    agents = await agents_of(pool, group)
    agent = agents["law.IdentifyMore"]
    assert (agent.name, agent.description, agent.timeout_seconds) == ("law.IdentifyMore", "Look for more risks.", None)
    assert (agent.display_name, agent.stage, agent.tags, agent.tools) == ("Identify more", "law", (), ())


async def test_an_undecorated_task_is_read_from_requires_and_output(pool: HostPool, group: LuigiGroup):
    agents = await agents_of(pool, group)
    rate, report = agents["law.Rate"], agents["law.Report"]
    assert (rate.tools, rate.outputs) == (("law.IdentifyRisks",), ("rates", "log"))
    shape = rate.output_schema["properties"]["outputs"]
    assert shape["properties"]["rates"]["type"] == "object"
    assert (shape["properties"]["log"]["type"], shape["properties"]["log"]["minItems"]) == ("array", 2)
    assert (report.tools, report.outputs) == (("law.Rate", "shop.Part"), ())
    assert report.output_schema["properties"]["outputs"] == {"type": "array", "maxItems": 0}


async def test_what_the_source_does_not_tell_may_be_anything(pool: HostPool, group: LuigiGroup):
    agents = await agents_of(pool, group)
    assert "anyOf" in agents["law.Odd"].output_schema["properties"]["outputs"]
    assert agents["law.Nothing"].outputs == ()


async def test_nonsense_on_a_class_is_reported_and_the_rest_works(pool: HostPool, group: LuigiGroup):
    found = await described(pool, group)
    assert "law.Strange" not in {one.name for one in found.stages}
    (failure,) = found.failures
    assert "law.Strange: agent_meta: tools" in failure.message


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("identify_risks", "Identify risks"),
        ("HTTPFetch2", "HTTP fetch 2"),
        ("Risk Officer", "Risk Officer"),
    ],
)
def test_names_for_people(name: str, shown: str):
    assert display_name(name) == shown


@pytest.mark.parametrize("file", sorted(LUIGI.glob("stage_*.py")), ids=lambda file: file.name)
def test_the_files_of_the_host_are_written_for_old_interpreters(file: Path):
    ast.parse(file.read_text(), feature_version=(3, 8))
