"""The language `specloom/v1` as frozen models: what a spec says, field by field.

Names are the keys of the document; Python's keywords carry an underscore (`with_`, `else_`, `finally_`, `in_`, `for_`).
Durations and references stay text here; `durations.seconds` and `versions.parse_ref` read them. A key that the document
leaves out is None (or empty), so `model_fields_set` tells "left out" from "null" where that matters.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

from translator.language.verbs import AgentTask, Call, Decide, Emit, Fail, HumanTask, Part, Wait
from translator.language.words import (
    CatalogRange,
    Condition,
    Duration,
    EachName,
    ErrorName,
    JsonSchema,
    JsonValue,
    Name,
    NodeId,
    Pause,
    SecretName,
    Share,
    Target,
    Template,
    VersionText,
    WorkflowName,
    WorkflowRange,
)

Verb: TypeAlias = Literal[
    "luigi", "tool", "agent", "decide", "human", "workflow", "dag", "flow", "set", "wait", "emit", "fail"
]
NoProgress: TypeAlias = Annotated[int, Field(ge=2, le=1_000_000)]
Reducer: TypeAlias = Literal["replace", "append", "merge", "sum", "min", "max", "union", "messages"]

VERBS: tuple[Verb, ...] = (
    "luigi",
    "tool",
    "agent",
    "decide",
    "human",
    "workflow",
    "dag",
    "flow",
    "set",
    "wait",
    "emit",
    "fail",
)


class Metadata(Part):
    """What the workflow is called and what is said about it. Only name and version belong to its identity."""

    name: WorkflowName = Field(description="Name of the workflow, unique on a server. Example: `market-report`.")
    version: VersionText | None = Field(
        None, description="Version of the workflow, semver, in quotes where YAML would read a number. Example: `2.1.0`."
    )
    description: str | None = Field(None, description="What the workflow is for, in a sentence or two.")
    labels: dict[str, str] = Field(
        default_factory=dict, description="Free words by which specs and runs are found again. Example: `{tier: gold}`."
    )


class Channel(Part):
    """A typed channel of the state: a JSON Schema, with `reduce` beside it."""

    model_config = ConfigDict(frozen=True, extra="allow", validate_by_name=True, validate_by_alias=True)

    reduce: Reducer = Field(
        "replace",
        description=(
            "How what is saved joins what is there: `replace` (default), `append` to a list, `merge` mappings, `sum`, "
            "`min`, `max`, `union` of lists without doubles, `messages` (LangGraph's add_messages)."
        ),
    )
    default: JsonValue = Field(None, description="The value before anything is saved; null when left out.")

    @property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the channel's value (of what it holds, not of one thing appended)."""
        schema: dict[str, Any] = dict(self.model_extra or {})
        if self.has_default:
            schema["default"] = self.default
        return schema

    @property
    def has_default(self) -> bool:
        """Whether the document gives a default, be it null."""
        return "default" in self.model_fields_set


class Limits(Part):
    """What a run may use up at most."""

    steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="Most steps that a run may execute, loops counted each time round. Bounds every cycle."
    )
    duration: Duration | None = Field(
        None, description="Longest time from start to end of a run, waiting included. Example: `3d`."
    )
    tokens: Annotated[int, Field(ge=1)] | None = Field(None, description="Most tokens of models, input and output.")
    cost_usd: Annotated[float, Field(gt=0)] | None = Field(None, description="Most that models may cost, in USD.")
    tool_calls: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Most calls of tools, by agents and by nodes, retries included."
    )
    artifacts_bytes: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Most bytes that a run may keep as artifacts."
    )
    no_progress: NoProgress | None = Field(
        None,
        description=(
            "How often a node may be given the same input in the same state before the run is stopped. "
            "10 for agents, 100 for other nodes that do something, if nothing is said."
        ),
    )
    fan_out: Annotated[int, Field(ge=1)] | None = Field(None, description="Most items that one `map` may have.")
    on_exceed: Literal["abort", "pause"] = Field(
        "abort",
        description="`abort` (default): the run fails with the limit's error; `pause`: it waits for a raised limit.",
    )


class NodeLimits(Part):
    """What one node may use up at most, in a whole run."""

    visits: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="How often the node may be entered in a run. Bounds every cycle through it."
    )
    tokens: Annotated[int, Field(ge=1)] | None = Field(None, description="Most tokens that this node may use.")
    cost_usd: Annotated[float, Field(gt=0)] | None = Field(None, description="Most that this node may cost, in USD.")
    tool_calls: Annotated[int, Field(ge=1)] | None = Field(None, description="Most calls of tools by this node.")
    artifacts_bytes: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Most bytes that this node may keep as artifacts."
    )
    no_progress: NoProgress | None = Field(
        None, description="How often this node may be given the same input in the same state."
    )


class Retry(Part):
    """When and how a failed step is tried again."""

    max: Annotated[int, Field(ge=0, le=100)] = Field(
        3, description="How many times a step is tried again after its first try. Default 3."
    )
    backoff: Literal["exponential", "linear", "constant"] = Field(
        "exponential", description="How the pause grows from try to try. Default `exponential` (doubling)."
    )
    initial: Pause = Field("1s", description="The first pause. Default `1s`.")
    cap: Pause = Field("30s", description="The longest pause. Default `30s`.")
    jitter: Literal["full", "none"] = Field(
        "full", description="`full` (default): a random pause between nothing and the computed one; `none`: exactly it."
    )
    errors: tuple[ErrorName, ...] | None = Field(
        None,
        description="Names of the errors that are tried again; all that may pass by themselves when left out. "
        "Example: `[timeout, unavailable]`.",
    )


class Defaults(Part):
    """What holds for every step that says nothing else."""

    timeout: Duration | None = Field(
        None, description="Longest time of one try. Never applies to `human`, `wait` and blocks. Example: `5m`."
    )
    retry: Retry | None = Field(None, description="How failed steps are tried again.")


class Branch(Part):
    """One entry of a list of transitions: `{when, to}`, or `{else}` as the last."""

    when: Condition | None = Field(None, description="Condition that must hold. Example: `${ state.score >= 0.8 }`.")
    to: Target | None = Field(None, description="The node to go to when it holds, or `end`.")
    else_: Target | None = Field(None, alias="else", description="Where to go when none held; closes the list.")

    @property
    def target(self) -> str:
        """The node that this entry leads to, or `end`."""
        return self.to or self.else_ or "end"


class Switch(Part):
    """A transition chosen by a value."""

    switch: Template = Field(description="The value that decides. Example: `${ result.verdict }`.")
    cases: dict[str, Target] = Field(description="Where each value leads. Example: `{approve: publish, reject: end}`.")
    default: Target | None = Field(
        None, description="Where any other value leads. Needed unless the cases cover an enum."
    )


Next: TypeAlias = Target | tuple[Branch, ...] | Switch


class Catch(Part):
    """What happens on an error instead of failing what is around the node; expressions see `error`."""

    errors: tuple[ErrorName, ...] = Field(
        description="Names of errors, such as `timeout`, `stage-failed`, one given to `fail`, or `any`.", min_length=1
    )
    save: dict[str, JsonValue] = Field(
        default_factory=dict, description="Channels to write then. Example: `{problem: ${ error.message }}`."
    )
    result: JsonValue = Field(
        None, description="What the result of the node is then; null when left out. Example: `{text: unknown}`."
    )
    to: Target | None = Field(
        None,
        description="In a flow: the node to go to, or `end`; where `next` leads when left out. In a DAG the node "
        "counts as done.",
    )


class MapClause(Part):
    """Repeats the node's verb for every item of a list."""

    each: EachName = Field(description="The name by which expressions of the node see the item. Example: `url`.")
    in_: Template | tuple[JsonValue, ...] = Field(
        alias="in", description="The list. Example: `${ nodes.collect.result.data.urls }`."
    )
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="How many items are worked on at the same time; the server's limit when left out."
    )
    tolerate: Share = Field(0, description="How many items may fail: a count, or a share such as `20%`. Default 0.")


class Cache(Part):
    """When a recorded result of an earlier run may be used again."""

    key: Template | None = Field(None, description="What must be the same; all arguments when left out.")
    ttl: Duration | None = Field(None, description="How long a result stays fresh. Example: `1d`.")


class JoinCount(Part):
    """A block that is done when so many of its nodes are."""

    count: Annotated[int, Field(ge=1)] = Field(description="How many nodes must be done.")


class Injection(Part):
    """A node that runs around tasks of a stage: before or after each one that is built and has such a name."""

    before: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Name of the tasks before which the node runs; `*` and `?` as in file names."
    )
    after: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Name of the tasks after which the node runs. Example: `market.Clean*`."
    )
    id: NodeId | None = Field(None, description="The id of the node; made of the stage's and a number when left out.")
    node: "Node" = Field(
        description="What is done. Its expressions see `task`: `{key, name, stage, params}`, and after the task "
        "`outputs` and `data`."
    )
    read: Literal["json", "text"] | None = Field(
        None, description="Of `after`: read the task's targets into `task.data`, as JSON or as text."
    )
    write: JsonValue = Field(
        None,
        description="Of `after`: what the task's target holds from then on; the file as it was stays beside it. "
        "Example: `${ result.text }`.",
    )

    @property
    def moment(self) -> Literal["before", "after"]:
        """When the node runs."""
        return "after" if self.before is None else "before"

    @property
    def tasks(self) -> str:
        """Around which tasks the node runs."""
        return self.after or self.before or ""


class Flow(Part):
    """A flow as one node: it has a start, and its nodes lead to each other with `next`."""

    start: NodeId = Field(description="The node that runs first.")
    nodes: "dict[NodeId, Node]" = Field(description="The nodes of the flow, by id.")


class Node(Part):
    """One thing to do: exactly one verb, and keys that say with what, when, and what comes next."""

    luigi: CatalogRange | None = Field(
        None, description="Verb. Build a stage of the catalog, and what it requires. Example: `market.Publish@^1`."
    )
    tool: CatalogRange | None = Field(None, description="Verb. Call a tool of the catalog. Example: `web.fetch@2`.")
    agent: AgentTask | None = Field(None, description="Verb. Let a model with tools work on something.")
    decide: Decide | None = Field(None, description="Verb. Let a tool or an agent choose where to go on.")
    human: HumanTask | None = Field(None, description="Verb. Ask a person, and wait for the answer.")
    workflow: WorkflowRange | None = Field(
        None, description="Verb. Run another stored workflow. Example: `fact-check@~1.4`."
    )
    dag: "dict[NodeId, Node] | None" = Field(
        None, description="Verb. A block whose nodes start at once, except where they need siblings."
    )
    flow: Flow | None = Field(None, description="Verb. A block with a start, whose nodes lead to each other.")
    set: dict[str, JsonValue] | None = Field(None, description="Verb. Put values into channels. Example: `{round: 1}`.")
    wait: Wait | None = Field(None, description="Verb. Wait for a time, a signal or a condition.")
    emit: Emit | None = Field(None, description="Verb. Publish an event.")
    fail: Fail | None = Field(None, description="Verb. Fail with an error of your own.")

    map: MapClause | None = Field(None, description="Repeat the verb for every item of a list.")
    with_: dict[str, JsonValue] = Field(
        default_factory=dict, alias="with", description="Arguments by name; expressions allowed."
    )
    save: dict[str, JsonValue] = Field(
        default_factory=dict, description="Channels to write when done. Example: `{draft: ${ result.text }}`."
    )
    result: JsonSchema | None = Field(None, description="JSON Schema that the result must fit before it is recorded.")
    read: Literal["json", "text"] | None = Field(
        None, description="Of a stage: read its targets into `result.data`, as JSON or as text."
    )
    requires: Literal["build", "check", "satisfied"] | None = Field(
        None,
        description="What a stage requires is built (`build`, default), checked to be there, or taken for granted.",
    )
    inject: tuple[Injection, ...] = Field(
        (), description="Of a stage: nodes that run before or after its tasks, such as an approval in between."
    )
    next: Next | None = Field(
        None, description="In a flow: the node that comes next, `end`, a list of conditions, or a switch."
    )
    needs: tuple[NodeId, ...] | None = Field(None, description="In a DAG: the siblings that must be done before.")
    when: Condition | None = Field(None, description="In a DAG: skip the node when this is false.")
    join: Literal["all", "any"] | JoinCount | None = Field(
        None, description="Of a block: it is done when `all` (default), `any` or `{count: n}` of its nodes are."
    )
    fail_fast: bool | None = Field(
        None, description="Of a block: stop the other branches when one fails. Default false: they go on."
    )
    timeout: Duration | None = Field(
        None,
        description="Longest time of one try; of a block: from start to end; on `human` and `wait`: how long to wait. "
        "With `map`: of each item. Example: `2d`.",
    )
    retry: Retry | None = Field(None, description="How a failed try is repeated.")
    catch: tuple[Catch, ...] = Field(
        (), description="What happens on errors; the first entry that fits is taken. On a block: of all that is in it."
    )
    compensate: Call | None = Field(None, description="What undoes this node when the run fails later.")
    cache: bool | Cache | None = Field(
        None, description="Whether the result of an earlier run of this workflow may be used again."
    )
    limits: NodeLimits | None = Field(None, description="What this node may use up.")
    idempotency_key: Template | None = Field(
        None, description="What an effect is recognised by when tried again; made by the server when left out."
    )
    auth: dict[str, SecretName] = Field(
        default_factory=dict, description="Arguments that are secrets, by name. Example: `{token: SEARCH_KEY}`."
    )
    mask: tuple[str, ...] = Field(
        (),
        description="Fields of arguments and result, by name or JSON pointer, that no event, log or answer shows. "
        "Example: `[password, /customer/email]`.",
    )
    reset: tuple[Name, ...] = Field((), description="Channels that are emptied just before what the node saves lands.")
    description: str | None = Field(None, description="What the node is for.")

    @property
    def verb(self) -> Verb:
        """The one verb of the node."""
        return next(verb for verb in VERBS if getattr(self, verb) is not None)

    @property
    def nodes(self) -> "dict[str, Node]":
        """The nodes inside, when the node is a block; else none."""
        if self.dag is not None:
            return self.dag
        return self.flow.nodes if self.flow else {}

    @property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """Every node (or `end`) that `next`, `catch` and `decide` lead to, each with its pointer below the node."""
        decided = tuple((f"/decide/among/{i}", to) for i, to in enumerate(self.decide.among)) if self.decide else ()
        caught = tuple((f"/catch/{i}/to", entry.to) for i, entry in enumerate(self.catch) if entry.to is not None)
        return (*_next_targets(self.next), *decided, *caught)


Flow.model_rebuild()  # flows hold nodes, and nodes hold flows
Injection.model_rebuild()


def injected_id(owner: str, number: int, moment: str) -> str:
    """Return the id of an injected node whose author gave it none; `number` counts from 0 in the list."""
    return f"{owner}_{moment}_{number + 1}"


def _next_targets(transition: "Next | None") -> tuple[tuple[str, str], ...]:
    if transition is None:
        return ()
    if isinstance(transition, str):
        return (("/next", transition),)
    if isinstance(transition, Switch):
        cases = tuple((f"/next/cases/{_escaped(case)}", to) for case, to in transition.cases.items())
        return (*cases, ("/next/default", transition.default)) if transition.default else cases
    return tuple(
        (f"/next/{i}/{'to' if entry.to is not None else 'else'}", entry.target) for i, entry in enumerate(transition)
    )


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


class SpecTest(Part):
    """A test of the spec that runs it with made-up results."""

    name: str = Field(description="What the test shows.", min_length=1)
    inputs: dict[str, JsonValue] = Field(default_factory=dict, description="The inputs of the run.")
    mocks: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What nodes return, by node id: a value, a list for successive visits, or `{$error: name}`.",
    )
    expect: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What must hold: `path` (nodes in order), `status`, `error`, `outputs`, `state.<channel>`, "
        "`nodes.<id>.result`, `events`.",
    )


class Spec(Part):
    """A whole document of the language."""

    apiVersion: Literal["specloom/v1"] = Field(description="The language of the document: `specloom/v1`.")  # noqa: N815 - as in the document
    kind: Literal["Workflow"] = Field(description="What the document is: `Workflow`.")
    metadata: Metadata = Field(description="What the workflow is called.")
    inputs: dict[Name, JsonSchema] = Field(
        default_factory=dict,
        description="What a run must be given, each with its JSON Schema; required unless it has a default.",
    )
    state: dict[Name, Channel] = Field(default_factory=dict, description="The typed channels that nodes save into.")
    outputs: dict[Name, JsonValue] = Field(
        default_factory=dict, description="What a run gives back. Example: `{report: ${ state.draft }}`."
    )
    defs: dict[Name, JsonSchema] = Field(
        default_factory=dict, description="JSON Schemas that others refer to as `#/defs/<name>`."
    )
    secrets: tuple[SecretName, ...] = Field((), description="Names of secrets that `auth` may use. Never values.")
    limits: Limits | None = Field(None, description="What a run may use up.")
    defaults: Defaults | None = Field(None, description="What holds for every step that says nothing else.")
    start: NodeId | None = Field(None, description="The node that runs first; a DAG has none.")
    join: Literal["all", "any"] | JoinCount | None = Field(None, description="Of a DAG: when it is done.")
    fail_fast: bool | None = Field(None, description="Of a DAG: stop the other branches when one fails.")
    nodes: dict[NodeId, Node] = Field(description="What is to be done, by node id.")
    finally_: dict[NodeId, Node] = Field(
        default_factory=dict,
        alias="finally",
        description="A DAG of nodes that run at the end of a run, however it went.",
    )
    tests: tuple[SpecTest, ...] = Field((), description="Tests that come with the spec.")
