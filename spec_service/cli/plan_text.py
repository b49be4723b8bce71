"""A plan as people review it: what each step is bound to, what it reads and writes, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from spec_service.cli.printable import lasting, one_line
from spec_service.views import PlanView
from translator.planning.plan import JsonSchema, Plan, Step

Json = Any
_EXPRESSION = 60  # characters of an expression that are shown
_SHARED = (
    "digest",
    "spec_digest",
    "most_steps",
    "is_dag",
    "start",
    "steps",
    "inputs",
    "state",
    "outputs",
    "secrets",
    "limits",
    "bounds",
    "mermaid",
    "warnings",
)


def plan_lines(plan: Plan) -> list[str]:
    """Return the lines that show a plan."""
    version = f" {plan.spec_version}" if plan.spec_version else ""
    form = "DAG" if plan.is_dag else f"flow, starts with {plan.start}"
    lines = [f"{plan.spec_name}{version}: {form}, {len(plan.steps)} step{'s' if len(plan.steps) != 1 else ''}"]
    lines += [f"plan {plan.digest}", f"spec {plan.spec_digest}"]
    lines += _section("Inputs", _inputs(plan))
    lines += _section("Steps", (line for step in plan.members(None) for line in _step_lines(plan, step, 1)))
    lines += _section("State", (_channel_line(name, plan) for name in plan.state))
    lines += _section("Outputs", (f"{name} = {_short(value)}" for name, value in plan.outputs.items()))
    lines += _section("Bounds", _bounds(plan))
    return lines


def as_plan(view: PlanView) -> Plan:
    """Return what a server shows of a plan as a plan, to print it like one of our own."""
    shown = {name: getattr(view, name) for name in _SHARED}
    return Plan(**shown, spec_name=view.spec, spec_version=view.version)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = [f"  {line}" for line in lines]
    return ["", title, *found] if found else []


def _inputs(plan: Plan) -> list[str]:
    required = set(plan.inputs.get("required", ()))
    found: list[str] = []
    properties: dict[str, JsonSchema] = plan.inputs.get("properties", {})
    for name, schema in properties.items():
        default = f", default {_short(schema['default'])}" if "default" in schema else ""
        need = " (required)" if name in required and not default else ""
        found.append(f"{name}: {_kind(schema)}{default}{need}")
    return found


def _step_lines(plan: Plan, step: Step, depth: int) -> list[str]:
    """Return a step's line, the lines about it, and those of its members."""
    pad = "    " * (depth - 1)
    lines = [f"{pad}{step.id}  {_what(step)}"]
    lines += [f"{pad}    {line}" for line in _details(step)]
    for member in plan.members(step.id):
        lines += _step_lines(plan, member, depth + 1)
    return lines


def _what(step: Step) -> str:
    if step.call is not None:
        return f"{step.verb} {step.call.name}@{step.call.version}"
    if step.human is not None:
        return f"human “{one_line(step.human.title, _EXPRESSION)}”"
    if step.fail is not None:
        return f"fail {step.fail.error}"
    return step.verb


def _details(step: Step) -> list[str]:
    lines: list[str] = []
    if step.injected is not None:
        writes = ", and writes its target anew" if step.injected.write is not None else ""
        lines.append(f"{step.injected.moment} each task {one_line(step.injected.tasks, _EXPRESSION)}{writes}")
    if step.needs:
        lines.append(f"needs {', '.join(step.needs)}")
    if step.when is not None:
        lines.append(f"only when {_short(step.when)}")
    if step.reads or step.writes:
        writes = f" → {', '.join(step.writes)}" if step.writes else ""
        lines.append(f"reads {', '.join(step.reads) or 'nothing'}{writes}")
    if rules := _rules(step):
        lines.append(", ".join(rules))
    return lines + _ways(step)


def _rules(step: Step) -> list[str]:
    rules: list[str] = []
    if step.timeout_seconds is not None:
        rules.append(f"timeout {lasting(step.timeout_seconds)}")
    if step.retry.max:
        retry = step.retry
        rules.append(f"up to {retry.max} retries on {', '.join(retry.errors)} ({retry.backoff})")
    if step.max_visits is not None:
        rules.append(f"at most {step.max_visits} visits")
    if step.verb == "luigi" and step.requires != "build":
        rules.append(f"requirements: {step.requires}")
    if step.auth:
        rules.append(f"secrets {', '.join(step.auth.values())}")
    return rules


def _ways(step: Step) -> list[str]:
    way = step.transition
    if way is None:
        return []
    if way.switch is not None:
        cases = [f"{key} → {target}" for key, target in way.cases.items()]
        default = [f"else → {way.default}"] if way.default is not None else []
        return [f"by {_short(way.switch)}: {', '.join(cases + default)}"]
    if len(way.branches) == 1 and way.branches[0].when is None:
        return [f"then {way.branches[0].to}"]
    return [f"{'if ' + _short(one.when) if one.when else 'else'} → {one.to}" for one in way.branches]


def _channel_line(name: str, plan: Plan) -> str:
    channel = plan.state[name]
    default = f", default {_short(channel.default)}" if channel.default is not None else ""
    return f"{name}: {_kind(channel.schema_)}, {channel.reduce}{default}"


def _bounds(plan: Plan) -> list[str]:
    lines = [f"{' → '.join(bound.nodes)}: {bound.text}" for bound in plan.bounds]
    if plan.most_steps is not None:
        lines.append(f"at most {plan.most_steps} step{'s' if plan.most_steps != 1 else ''} in a run")
    if plan.limits.steps is not None:
        lines.append(f"at most {plan.limits.steps} steps, then {plan.limits.on_exceed}")
    if plan.limits.duration_seconds is not None:
        lines.append(f"at most {lasting(plan.limits.duration_seconds)}, then {plan.limits.on_exceed}")
    return lines


def _kind(schema: JsonSchema) -> str:
    kind: str | list[str] = schema.get("type", "anything")
    return kind if isinstance(kind, str) else " or ".join(kind)


def _short(value: Json) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _EXPRESSION)
