"""The plan: the resolved, inert, reviewable form of a spec, and what `execute` takes.

A plan holds only data. Expressions stay text, together with the schemas that type them, so that whoever
reads a stored plan years later compiles the same expressions against the same types.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from translator.planning.catalog import EntryKind, JsonSchema

Verb = Literal["luigi", "tool", "agent", "decide", "human", "workflow", "dag", "flow", "set", "wait", "emit", "fail"]
Reducer = Literal["replace", "append", "merge", "sum", "min", "max", "union", "messages"]

END = "end"
FINALLY = ".finally"
"""The `block` of the steps that run at the end however a run went; no node id has a dot."""


class Frozen(BaseModel):
    """A value that never changes and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Advice(Frozen):
    """A warning about the spec: a problem of family W6 that refuses nothing."""

    code: str
    name: str
    path: str
    line: int | None = None
    column: int | None = None
    message: str
    suggestion: str | None = None


class Binding(Frozen):
    """The catalog entry that a step was bound to when it was planned."""

    kind: EntryKind
    name: str
    version: str  # of a workflow without a declared one: "r" and its revision
    source_digest: str  # of a workflow: the digest of its plan, which is in `Plan.workflows`
    parameters: JsonSchema  # of a workflow: its inputs
    result: JsonSchema  # of a workflow: its outputs
    is_async: bool = False


class RetryPolicy(Frozen):
    """How often a step is tried again: at most `max` tries after the first."""

    max: int = 0
    backoff: Literal["constant", "linear", "exponential"] = "exponential"
    initial_seconds: float = 1.0
    cap_seconds: float = 30.0
    jitter: Literal["full", "none"] = "full"
    errors: tuple[str, ...] = ("any",)


class Branch(Frozen):
    """One way out of a step: taken when `when` holds; None always does."""

    when: str | None = None  # "${ … }"
    to: str


class Transition(Frozen):
    """Where a flow goes after a step: a switch over a value, or branches tried in order.

    With `switch`, the value picks from `cases`, then `default`; otherwise the first branch that holds is taken.
    """

    switch: str | None = None
    cases: dict[str, str] = Field(default_factory=dict[str, str])
    default: str | None = None
    branches: tuple[Branch, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Return every target once, in the order of the text."""
        found = [*self.cases.values(), *([self.default] if self.default else []), *(one.to for one in self.branches)]
        return tuple(dict.fromkeys(found))

    def picked(self, value: Any) -> str | None:
        """Return where a switch leads for a value; None when no case fits and there is no default."""
        return self.cases.get(case_of(value), self.default)


def case_of(value: Any) -> str:
    """Return the key of a switch's cases for a value: text as it is, everything else as JSON (`true`, `3`, `null`)."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


class Catcher(Frozen):
    """Where errors lead instead of failing what is around the step; the first catcher that names the error counts."""

    errors: tuple[str, ...]  # names, or "any"
    to: str | None = (
        None  # in a flow; None: where the step's own transition leads. None in a dag: the step counts as done
    )
    result: Any = None  # what the step's result is then; expressions allowed, `error` is {name, message, node}
    save: dict[str, Any] = Field(default_factory=dict[str, Any])

    def catches(self, error: str) -> bool:
        """Tell whether an error of this name is meant."""
        return error in self.errors or "any" in self.errors


class MapOver(Frozen):
    """Repeats a step for every item of a list; its result is `{ok: [...], failed: [{index, item, error}]}`."""

    each: str  # the name of the item in expressions of the step and of what is inside it
    items: Any  # the list, or an expression that gives it
    item: JsonSchema = Field(default_factory=dict[str, Any])  # what is known of one; types `each`
    concurrency: int | None = None  # items at the same time; None: the server's limit
    tolerate: int = 0  # items that may fail …
    tolerate_share: float | None = None  # … or the share of them, from 0 to 1


class Wait(Frozen):
    """What a step waits for: a time, a signal, or a call that is repeated until a condition holds.

    One of `seconds`, `until`, `signal`, or `every_seconds` (a poll: the step's `call`, `arguments` and `auth` say what
    is called, `until` is the condition over `result`, and None where a stage is done when it is complete).
    """

    seconds: float | None = None
    until: Any = None  # a time as RFC 3339, or an expression that gives one; of a poll: the condition
    signal: str | None = None
    key: str | None = None  # of a signal; expressions allowed
    every_seconds: float | None = None


class Emission(Frozen):
    """An event of the workflow's own."""

    event: str
    data: Any = None


class Caching(Frozen):
    """When a recorded result of an earlier run of the same spec is used instead of running the step."""

    key: str | None = None  # an expression; None: all arguments
    ttl_seconds: float | None = None  # None: for ever


class AgentTool(Frozen):
    """Something that an agent may call, under the name by which the model knows it."""

    name: str  # "web_fetch"
    call: Binding
    description: str = ""
    auth: dict[str, str] = Field(default_factory=dict[str, str])  # parameter → name of a secret
    requires_approval: bool = False


class AgentBinding(Frozen):
    """What an agent is bound to: its model or harness, its prompt and its tools, each pinned."""

    model: Binding | None = None
    instructions: str | None = None  # expressions allowed
    prompt: Binding | None = None
    prompt_text: str = ""  # as it is: a prompt holds no expressions
    tools: tuple[AgentTool, ...] = ()
    max_turns: int | None = None
    response: Literal["tool", "json"] = "tool"
    memory: Literal["run"] | None = None
    temperature: float | None = None
    delegates: tuple[Binding, ...] = ()  # workflows that it may start as runs of their own
    harness: Binding | None = None

    @property
    def shown(self) -> str:
        """Return the name of what works: the harness, or else the model."""
        entry = self.harness or self.model
        return entry.name if entry else ""


class HumanTask(Frozen):
    """What a person is asked; texts may hold expressions."""

    title: str
    description: str | None = None
    show: Any = None
    assignees: tuple[str, ...] = ()


class Injected(Frozen):
    """Around which tasks of the stage around it a step runs; `block` names the stage's step."""

    moment: Literal["before", "after"]
    tasks: str  # a name, with `*` and `?` as in file names
    read: Literal["json", "text"] | None = None
    write: Any = None  # what the task's target holds from then on; expressions allowed


class Failure(Frozen):
    """What a `fail` step ends the run with."""

    error: str
    message: str = ""


class Step(Frozen):
    """A planned node."""

    id: str
    verb: Verb
    path: str  # JSON pointer of the node in the spec
    description: str = ""
    block: str | None = None  # id of the block around it; None at the top, `FINALLY` under `finally`
    needs: tuple[str, ...] = ()  # siblings in a dag
    when: str | None = None  # in a dag: skipped if false
    call: Binding | None = None  # luigi, tool and workflow; of decide and of a wait that polls: what is called
    arguments: Any = Field(default_factory=dict[str, Any])  # `with`, expressions and all
    requires: Literal["build", "check", "satisfied"] = "build"
    read: Literal["json", "text"] | None = None
    auth: dict[str, str] = Field(default_factory=dict[str, str])  # parameter → name of a secret
    human: HumanTask | None = None
    agent: AgentBinding | None = None  # of decide, too, where an agent decides
    set: dict[str, Any] = Field(default_factory=dict[str, Any])  # channel → value or expression
    fail: Failure | None = None
    injected: Injected | None = None
    wait: Wait | None = None
    emit: Emission | None = None
    among: tuple[str, ...] = ()  # of decide: what it may choose from
    start: str | None = None  # of a flow
    join: int | None = None  # of a dag: how many members must be done; None: all
    fail_fast: bool = False  # of a dag
    map: MapOver | None = None
    cache: Caching | None = None
    idempotency_key: str | None = None  # an expression; None: made by the server
    mask: tuple[str, ...] = ()  # fields of arguments and result that no event, log or answer shows, at any depth
    result: JsonSchema | None = None  # enforced on what the node returned; `#/defs/N` is in the plan's `defs`
    result_known: JsonSchema = Field(
        default_factory=dict[str, Any]
    )  # what is known when planning; types `nodes.<id>.result`
    save: dict[str, Any] = Field(default_factory=dict[str, Any])
    reset: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    retry: RetryPolicy = RetryPolicy()
    max_visits: int | None = None
    limits: UsageLimits | None = None  # of this node, in a whole run
    catch: tuple[Catcher, ...] = ()
    transition: Transition | None = None  # None in a dag
    reads: tuple[str, ...] = ()  # lineage: "inputs.topic", "state.draft", "nodes.fetch.result.ok"
    writes: tuple[str, ...] = ()  # lineage: "state.draft"


class Channel(Frozen):
    """A typed channel of the state and how several writes become one value."""

    schema_: JsonSchema = Field(alias="schema")
    reduce: Reducer = "replace"
    default: Any = None  # null when the spec gives none

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Bound(Frozen):
    """A cycle of the flow and what bounds it."""

    nodes: tuple[str, ...]
    by: Literal["limits.steps", "limits.visits", "counter"]
    at_most: int | None = None  # rounds; None where an input without a maximum decides
    text: str  # "at most 3 rounds: state.round < inputs.rounds"


class UsageLimits(Frozen):
    """What may be used up, by a run or by one node of it."""

    tokens: int | None = None
    cost_usd: float | None = None
    tool_calls: int | None = None
    artifacts_bytes: int | None = None
    no_progress: int | None = None  # how often a node may be given the same input in the same state

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no limit."""
        return self == NO_LIMITS


NO_LIMITS = UsageLimits()


class Limits(UsageLimits):
    """What the author wrote."""

    steps: int | None = None
    duration_seconds: float | None = None
    fan_out: int | None = None  # items of one map
    on_exceed: Literal["abort", "pause"] = "abort"


class Plan(Frozen):
    """A spec, resolved against one catalog.

    `steps` are in the order of the document, a block before its members. `is_dag` tells that the top-level map is
    a DAG: then there is no `start`, and steps with `block` None are its members.
    """

    format: Literal[1] = 1
    digest: str = ""  # sha256 of the canonical JSON of all but `workflows`, which the calls pin by their digests
    spec_name: str
    spec_version: str | None = None
    spec_digest: str
    is_dag: bool = False
    start: str | None = None
    steps: tuple[Step, ...]
    inputs: JsonSchema  # an object schema, closed
    defs: dict[str, JsonSchema] = Field(default_factory=dict[str, JsonSchema])  # what `#/defs/N` means in all schemas
    state: dict[str, Channel] = Field(default_factory=dict[str, Channel])
    outputs: dict[str, Any] = Field(default_factory=dict[str, Any])
    secrets: tuple[str, ...] = ()
    limits: Limits = Limits()
    fail_fast: bool = False  # of a top-level dag
    join: int | None = None  # of a top-level dag
    workflows: dict[str, Plan] = Field(default_factory=dict[str, "Plan"])  # by digest, what is called at any depth
    most_steps: int | None = None  # arrivals at steps in a run, at most; None where an input decides
    bounds: tuple[Bound, ...] = ()
    mermaid: str = ""
    warnings: tuple[Advice, ...] = ()

    def step(self, name: str) -> Step:
        """Return the step with this id; KeyError if there is none."""
        for step in self.steps:
            if step.id == name:
                return step
        raise KeyError(name)

    @property
    def called(self) -> frozenset[str]:
        """Return the digests of the plans that its steps call, and that its agents may call or start."""
        bound = [step.call for step in self.steps if step.call]
        for agent in (step.agent for step in self.steps if step.agent):
            bound += [*(one.call for one in agent.tools), *agent.delegates]
        return frozenset(one.source_digest for one in bound if one.kind == "workflow")

    def plan_of(self, digest: str) -> Plan:
        """Return the plan of a workflow that is called at any depth, with those that it calls itself.

        Raises KeyError when none of them has this digest.
        """
        found: dict[str, Plan] = {}
        waiting = list(self.workflows[digest].called)
        while waiting:
            one = waiting.pop()
            if one not in found:
                found[one] = self.workflows[one]
                waiting += self.workflows[one].called
        inside = {one: plan for one, plan in self.workflows.items() if one in found}
        return self.workflows[digest].model_copy(update={"workflows": inside})

    @property
    def starts_runs(self) -> bool:
        """Tell whether an agent of its own may start runs."""
        agents = [step.agent for step in self.steps if step.agent]
        return any(one.delegates or any(tool.call.kind == "workflow" for tool in one.tools) for one in agents)

    def members(self, block: str | None) -> tuple[Step, ...]:
        """Return the steps that stand directly in a block (None: at the top), in the order of the document."""
        return tuple(step for step in self.steps if step.block == block)
