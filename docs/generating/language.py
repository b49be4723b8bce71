"""The reference of the language: one table for each part of a document, made from the models."""

from __future__ import annotations

import json
import re
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generating.markdown import NOTHING, anchor, code, joined, table
from translator.language import model, verbs
from translator.language.words import Word
from translator.planning.availability import AVAILABLE_VERBS

PARTS: dict[type[BaseModel], str] = {
    model.Spec: "The document",
    model.Metadata: "`metadata`",
    model.Channel: "A channel of `state`",
    model.Limits: "`limits` of a run",
    model.Defaults: "`defaults`",
    model.Node: "A node",
    verbs.HumanTask: "`human`",
    verbs.Fail: "`fail`",
    model.Branch: "An entry of a list in `next`",
    model.Switch: "A switch in `next`",
    model.Retry: "`retry`",
    model.NodeLimits: "`limits` of a node",
    model.Flow: "`flow`",
    verbs.AgentTask: "`agent`",
    verbs.AgentTool: "An entry of `tools`",
    verbs.Decide: "`decide`",
    verbs.Wait: "`wait`",
    verbs.Emit: "`emit`",
    verbs.Call: "A call inside another verb",
    model.MapClause: "`map`",
    model.Injection: "An entry of `inject`",
    model.Catch: "An entry of `catch`",
    model.Cache: "`cache`",
    model.JoinCount: "`join` by number",
    model.SpecTest: "An entry of `tests`",
}
"""Every model of the language, in the order of the reference, with its heading."""

LATER: dict[type[BaseModel], tuple[str, ...]] = {
    model.Node: (*(verb for verb in model.VERBS if verb not in AVAILABLE_VERBS), "compensate"),
    verbs.AgentTask: ("delegates",),
    verbs.AgentTool: ("workflow",),
}
"""Keys that planning answers with `not-available-yet`, at least for some values."""

_EXAMPLES: dict[tuple[str, str], str] = {
    ("Spec", "apiVersion"): "specloom/v1",
    ("Spec", "kind"): "Workflow",
    ("Spec", "metadata"): "{name: hello}",
    ("Spec", "inputs"): "{topic: {type: string}}",
    ("Spec", "state"): "{pages: {type: array, reduce: append}}",
    ("Spec", "outputs"): '{report: "${ state.draft }"}',
    ("Spec", "defs"): "{url: {type: string}}",
    ("Spec", "secrets"): "[SEARCH_KEY]",
    ("Spec", "limits"): "{steps: 80}",
    ("Spec", "defaults"): "{timeout: 5m}",
    ("Spec", "start"): "collect",
    ("Spec", "join"): "any",
    ("Spec", "fail_fast"): "true",
    ("Spec", "nodes"): "{greet: {tool: text.greet, next: end}}",
    ("Spec", "finally"): "{notify: {tool: chat.post}}",
    ("Spec", "tests"): "[{name: it ends well}]",
    ("Metadata", "description"): "Greet somebody.",
    ("Channel", "reduce"): "append",
    ("Channel", "default"): "0",
    ("Limits", "steps"): "80",
    ("Limits", "tokens"): "200000",
    ("Limits", "cost_usd"): "2.5",
    ("Limits", "tool_calls"): "100",
    ("Limits", "artifacts_bytes"): "1000000000",
    ("Limits", "no_progress"): "20",
    ("Limits", "fan_out"): "500",
    ("Limits", "on_exceed"): "abort",
    ("NodeLimits", "visits"): "3",
    ("NodeLimits", "tokens"): "50000",
    ("NodeLimits", "cost_usd"): "0.5",
    ("NodeLimits", "tool_calls"): "20",
    ("NodeLimits", "artifacts_bytes"): "1000000",
    ("NodeLimits", "no_progress"): "3",
    ("Retry", "max"): "2",
    ("Retry", "backoff"): "constant",
    ("Retry", "initial"): "500ms",
    ("Retry", "cap"): "1m",
    ("Retry", "jitter"): "none",
    ("Defaults", "retry"): "{max: 2}",
    ("Branch", "to"): "publish",
    ("Branch", "else"): "end",
    ("Switch", "default"): "end",
    ("Catch", "errors"): "[timeout]",
    ("Catch", "to"): "ask",
    ("Catch", "save"): '{problem: "${ error.message }"}',
    ("Catch", "result"): "{text: unknown}",
    ("MapClause", "concurrency"): "8",
    ("MapClause", "tolerate"): "20%",
    ("Injection", "before"): "repo.Report",
    ("Injection", "id"): "look",
    ("Injection", "node"): "{human: {title: Go on?}}",
    ("Injection", "read"): "json",
    ("Cache", "key"): "${ inputs.day }",
    ("JoinCount", "count"): "2",
    ("Flow", "start"): "draft",
    ("Flow", "nodes"): "{draft: {tool: text.draft, next: end}}",
    ("Node", "agent"): "{model: default-large}",
    ("Node", "decide"): "{among: [write, ask], tool: route.pick}",
    ("Node", "human"): "{title: Publish?}",
    ("Node", "dag"): "{a: {tool: text.count}}",
    ("Node", "flow"): "{start: a, nodes: {a: {tool: text.count, next: end}}}",
    ("Node", "wait"): "{for: 5m}",
    ("Node", "emit"): "{event: report-ready}",
    ("Node", "fail"): "{error: no-sources}",
    ("Node", "map"): '{each: url, in: "${ inputs.urls }"}',
    ("Node", "with"): '{topic: "${ inputs.topic }"}',
    ("Node", "save"): '{draft: "${ result.text }"}',
    ("Node", "result"): "{type: object, required: [text]}",
    ("Node", "read"): "json",
    ("Node", "requires"): "check",
    ("Node", "inject"): '[{after: repo.Hotspots, node: {human: {title: "Go on?"}}}]',
    ("Node", "next"): "publish",
    ("Node", "needs"): "[outline, facts]",
    ("Node", "when"): "${ inputs.people }",
    ("Node", "join"): "any",
    ("Node", "fail_fast"): "true",
    ("Node", "retry"): "{max: 2}",
    ("Node", "catch"): "[{errors: [timeout], to: end}]",
    ("Node", "compensate"): "{tool: shop.refund}",
    ("Node", "cache"): "true",
    ("Node", "limits"): "{visits: 3}",
    ("Node", "idempotency_key"): "${ inputs.order }",
    ("Node", "mask"): "[email]",
    ("Node", "reset"): "[pages]",
    ("Node", "description"): "Fetch the pages.",
    ("SpecTest", "name"): "a rejected report",
    ("SpecTest", "inputs"): "{topic: tin}",
    ("SpecTest", "mocks"): "{approve: {verdict: reject}}",
    ("SpecTest", "expect"): "{status: succeeded}",
    ("Call", "with"): '{text: "${ state.draft }"}',
    ("Call", "auth"): "{token: SEARCH_KEY}",
    ("AgentTask", "instructions"): "Write the report.",
    ("AgentTask", "max_turns"): "6",
    ("AgentTask", "response"): "json",
    ("AgentTask", "memory"): "run",
    ("AgentTask", "temperature"): "0.2",
    ("AgentTask", "delegates"): "[fact-check@~1.4]",
    ("AgentTask", "harness"): "coder",
    ("Decide", "tool"): "route.pick",
    ("Decide", "agent"): "{model: default-small}",
    ("HumanTask", "show"): '{draft: "${ state.draft }"}',
    ("HumanTask", "description"): "See the draft below.",
    ("HumanTask", "assignees"): "[editors]",
    ("Wait", "until"): "2026-12-01T09:00:00Z",
    ("Wait", "signal"): "paid",
    ("Wait", "poll"): "{tool: shop.status}",
    ("Emit", "data"): '{uri: "${ state.report }"}',
    ("Fail", "message"): "No sources on ${ inputs.topic }.",
}
"""Examples of keys whose description has none, or none that could be copied as it stands."""

_WORDS = {
    "name": "name",
    "each": "name",
    "node-id": "node id",
    "target": "node id or `end`",
    "secret": "name of a secret",
    "workflow-name": "name of a workflow",
    "error-name": "kebab-case name",
    "version": "version",
    "duration": "duration",
    "pause": "duration, `0s` too",
    "catalog-ref": "`group.name@range`",
    "workflow-ref": "`name@range`",
    "share": "count or percentage",
    "template": "text with expressions",
    "condition": "condition",
    "schema": "JSON Schema",
    "value": "any value, with expressions",
}
_PLAIN = {str: "text", int: "integer", float: "number", bool: "boolean", dict: "mapping", NoneType: "null", Any: "any"}
_UNITS = {
    "cost_usd": "USD",
    "tokens": "tokens",
    "steps": "steps",
    "visits": "visits",
    "max_turns": "turns",
    "max": "tries",
    "fan_out": "items",
    "tool_calls": "calls",
    "artifacts_bytes": "bytes",
    "no_progress": "times",
    "concurrency": "items",
    "tolerate": "items, or % of them",
    "count": "nodes",
}
_EXAMPLE = re.compile(r"\s*Example: `([^`]+)`\.?")
_SAID_DEFAULT = re.compile(r"`([^`]+)`[^`;.]{0,20}[(, ]default\b|\bDefault (\w+)\b")
_DEFAULT = re.compile(r"\s*Default (`[^`]+`(?: \([a-z]+\))?|[0-9]+)\.")


def reference() -> str:
    """Return the tables of all parts."""
    return joined(_section(part, heading) for part, heading in PARTS.items())


def _section(part: type[BaseModel], heading: str) -> str:
    about = (part.__doc__ or "").strip().splitlines()[0]
    rows = [_row(part, info.alias or name, info) for name, info in part.model_fields.items()]
    return joined([f"### {heading}", about, table(_HEAD, rows)])


_HEAD = ("key", "meaning", "type", "default", "unit", "example")


def _row(part: type[BaseModel], key: str, info: FieldInfo) -> list[str]:
    is_later = key in LATER.get(part, ())
    meaning = _DEFAULT.sub("", _EXAMPLE.sub("", info.description or "")).strip()
    return [
        code(key),
        meaning + (" *Not available yet.*" if is_later else ""),
        _type(info.annotation, info.metadata),
        _default(info),
        _unit(key, info),
        code(example(part, key, info)),
    ]


def example(part: type[BaseModel], key: str, info: FieldInfo) -> str:
    """Return the example of a key: that from the list above, else that of its description."""
    listed = _EXAMPLES.get((part.__name__, key))
    found = _EXAMPLE.search(info.description or "")
    return listed or (found.group(1) if found else "")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.get_default(call_default_factory=True, validated_data={})
    if value in (None, PydanticUndefined, (), {}):
        said = _SAID_DEFAULT.search(info.description or "")
        return code(said.group(1) or said.group(2)) if said else NOTHING
    return code(value if isinstance(value, str) else json.dumps(value))


def _unit(key: str, info: FieldInfo) -> str:
    if _word(info.metadata, info.annotation) in ("duration", "pause"):
        return "`d h m s ms`"
    return _UNITS.get(key, NOTHING)


def _word(marks: list[Any], annotation: Any) -> str:
    inner = [mark for argument in get_args(annotation) for mark in getattr(argument, "__metadata__", ())]
    return next((mark.kind for mark in [*marks, *inner] if isinstance(mark, Word)), "")


def _type(annotation: Any, marks: list[Any]) -> str:  # noqa: PLR0911 - one line for each kind of type
    origin, arguments = get_origin(annotation), get_args(annotation)
    word = next((mark.kind for mark in marks if isinstance(mark, Word)), "")
    if word:
        return _WORDS[word]
    if origin is Annotated:
        return _type(arguments[0], [*marks, *arguments[1:]])
    if origin in (Union, UnionType):
        choices = (argument for argument in arguments if argument is not NoneType)
        return " or ".join(dict.fromkeys(_type(choice, marks) for choice in choices))
    if origin is Literal:
        return ", ".join(code(str(one)) for one in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0], [])}"
    if origin is dict:
        return f"{_type(arguments[0], [])} → {_type(arguments[1], [])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        heading = PARTS[annotation]
        return f"[{heading}](#{anchor(heading)})"
    return _PLAIN.get(cast("Any", annotation), "text") + _bounds(marks)


def _bounds(marks: list[Any]) -> str:
    flat = [inner for mark in marks for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    words = [
        word
        for kind, name, sign in ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (MinLen, "min_length", "length ≥"))
        for word in [f"{sign} {getattr(mark, name):,}" for mark in flat if isinstance(mark, kind)]
    ]
    return f" {', '.join(words)}" if words else ""
