"""What each verb of a node takes: agents, decisions, questions to people, waits, events, failures."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from translator.language.words import (
    CatalogRange,
    Condition,
    Duration,
    ErrorName,
    JsonValue,
    Name,
    SecretName,
    Target,
    Template,
    WorkflowRange,
)


class Part(BaseModel):
    """What all parts of a spec share: they never change, and take no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class Call(Part):
    """A tool, a stage or a workflow with what it is given; used inside other verbs."""

    tool: CatalogRange | None = Field(None, description="A tool of the catalog. Example: `web.fetch@2`.")
    luigi: CatalogRange | None = Field(None, description="A stage of the catalog. Example: `market.Publish@^1`.")
    workflow: WorkflowRange | None = Field(None, description="A stored workflow. Example: `fact-check@~1.4`.")
    with_: dict[str, JsonValue] = Field(default_factory=dict, alias="with", description="Its arguments by name.")
    auth: dict[str, SecretName] = Field(default_factory=dict, description="Arguments that are secrets, by name.")


class AgentTool(Part):
    """Something that an agent may call and that is no plain tool: a stage or another workflow."""

    luigi: CatalogRange | None = Field(None, description="A stage of the catalog. Example: `market.Publish@^1`.")
    workflow: WorkflowRange | None = Field(None, description="A stored workflow. Example: `fact-check@~1.4`.")


class AgentTask(Part):
    """A model with instructions and tools that works until it has an answer; or a program that is an agent itself."""

    model: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="A model of the catalog. Example: `default-large`."
    )
    instructions: Template | None = Field(None, description="What the agent is to do; expressions allowed.")
    prompt: CatalogRange | None = Field(
        None, description="A prompt of the catalog, instead of instructions. Example: `writing.report@^1`."
    )
    tools: tuple[CatalogRange | AgentTool, ...] = Field(
        (), description="What it may call. Example: `[web.search@1, {luigi: market.Collect@^1}]`."
    )
    max_turns: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="How often the model is asked at most; 25 if nothing is said."
    )
    response: Literal["tool", "json"] | None = Field(
        None, description="How the model gives a result of a schema: by calling a tool (default), or as JSON text."
    )
    memory: Literal["run"] | None = Field(
        None, description="`run`: it remembers its conversations at earlier visits of this node in the same run."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="How freely the model chooses its words; the catalog's if nothing is said."
    )
    requires_approval: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="Tools whose calls wait for a person, beside those that the catalog marks. Example: `[a.b]`."
    )
    delegates: tuple[WorkflowRange, ...] = Field(
        (), description="Workflows that it may start as runs of their own, to watch and steer them by tools."
    )
    harness: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="A harness of the catalog: the program that is the agent."
    )


class Decide(Part):
    """A tool or an agent chooses where to go on: one node, or several among siblings of a DAG."""

    among: tuple[Target, ...] = Field(description="What it may choose from. Example: `[write, ask]`.", min_length=1)
    tool: CatalogRange | None = Field(None, description="The tool that chooses; it returns a name, or a list of names.")
    agent: AgentTask | None = Field(None, description="The agent that chooses.")


class HumanTask(Part):
    """A question to a person; the run waits until somebody answers."""

    title: Template = Field(description="The question, in one line; expressions allowed. Example: `Publish?`.")
    description: Template | None = Field(None, description="What one should know to answer; expressions allowed.")
    show: dict[str, JsonValue] = Field(
        default_factory=dict, description="What the person is shown, by name. Example: `{draft: ${ state.draft }}`."
    )
    assignees: tuple[str, ...] = Field((), description="People or groups who may answer; anybody when empty.")


class Wait(Part):
    """Waits for a time, a signal, or something that is polled. One of `for`, `until`, `signal`, `poll`."""

    for_: Duration | None = Field(None, alias="for", description="How long to wait. Example: `5m`.")
    until: Template | Condition | None = Field(
        None,
        description="A time (RFC 3339) to wait for; beside `poll`: the condition over `result` that ends it. "
        "Example: `${ result.ready }`.",
    )
    signal: Name | None = Field(None, description="The name of a signal to wait for; early signals are kept.")
    key: Template | None = Field(None, description="Tells signals of one name apart. Example: `${ inputs.order }`.")
    poll: Call | None = Field(None, description="A tool to call until `until` holds, or a stage until it is complete.")
    every: Duration | None = Field(None, description="The pause between two polls. Example: `1m`.")


class Emit(Part):
    """Publishes an event of the workflow's own."""

    event: ErrorName = Field(description="The name of the event, kebab-case. Example: `report-ready`.")
    data: JsonValue = Field(None, description="What goes with it; expressions allowed.")


class Fail(Part):
    """Ends the run, or leads to a `catch`, with an error of the workflow's own."""

    error: ErrorName = Field(description="The name of the error, kebab-case. Example: `no-sources`.")
    message: Template | None = Field(None, description="What went wrong, for people; expressions allowed.")
