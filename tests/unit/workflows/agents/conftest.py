"""Agents at work on the bench of the engine, asking models over real HTTP or from a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spec_service.integrations.model_wire import limited_wire
from tests.unit.workflows.bench import Bench, plan_of, to
from translator.language.cel import CelEngine
from translator.planning.plan import AgentBinding, AgentTool, Binding, Plan, Step
from workflows.agents.agents import Agents
from workflows.agents.cards import ModelCard, ScriptedAnswer
from workflows.memory import MemorySecrets
from workflows.usage import Price

Json = Any
OBJECT: dict[str, Json] = {"type": "object"}
KEY = "sk-the-key-of-the-model"


def bound(kind: Any, name: str, parameters: Json = None) -> Binding:
    return Binding(kind=kind, name=name, version="1.0.0", source_digest="d", parameters=parameters or OBJECT, result={})


def granted(name: str, parameters: Json = None, **fields: Any) -> AgentTool:
    return AgentTool(name=name.replace(".", "_"), call=bound("tool", name, parameters), **fields)


def agent(name: str = "write", following: str = "end", *, tools: tuple[AgentTool, ...] = (), **fields: Any) -> Step:
    said = {key: fields.pop(key) for key in tuple(fields) if key in AgentBinding.model_fields}
    said.setdefault("instructions", "Write.")
    binding = AgentBinding(model=bound("model", "m"), tools=tools, **said)
    return Step(id=name, verb="agent", path=f"/nodes/{name}", agent=binding, transition=to(following), **fields)


def plan(*steps: Step, **fields: Any) -> Plan:
    last = steps[-1].id
    return plan_of(*steps, outputs={"result": f"${{ nodes.{last}.result }}"}, **fields)


def scripted(*answers: ScriptedAnswer, **fields: Any) -> Agents:
    """Return agents whose model `m` answers from a script."""
    card = ModelCard("m", "fake", price=Price(1.0, 2.0), script=answers, **fields)
    return Agents({"m": card}, MemorySecrets({}), CelEngine())


@pytest.fixture
def over_http() -> Callable[..., Agents]:
    """Return what makes agents whose model `m` answers at an address."""

    def make(url: str, **fields: Any) -> Agents:
        values: dict[str, Any] = {"seconds": 20.0, "price": Price(1.0, 2.0), "secret": "KEY", **fields}
        card = ModelCard("m", "openai", "m", url, **values)
        return Agents({"m": card}, MemorySecrets({"KEY": KEY}), CelEngine(), wire=limited_wire)

    return make


async def usage_of(bench: Bench, step: str = "write") -> Json:
    rows = [one for one in (await bench.history()).steps if one.step == step and not one.task]
    return rows[-1].usage
