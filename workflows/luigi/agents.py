"""A stage as agents know it: its name, what it takes and leaves, and how long it may run."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

JsonSchema = dict[str, Any]
Json = Any
AgentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z](?:[A-Za-z0-9 ._-]{0,61}[A-Za-z0-9._-])?$")]
Text = Annotated[str, StringConstraints(min_length=1)]
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class BadAgent(ValueError):
    """What a class says of itself as an agent makes no sense."""


class _Said(BaseModel):
    """What `agent_meta` wrote; a pipeline may have an older or a newer one, or none of ours."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    name: AgentName | None = None
    description: str | None = None
    tools: list[Text] = []
    outputs: list[Text] | dict[Text, JsonSchema] = []
    stage: str | None = None
    tags: list[Text] = []
    timeout_seconds: Annotated[int | float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_retries: Annotated[int, Field(ge=0, le=100)] | None = None


class StageAgent(BaseModel):
    """What agents need to know of a stage, from what its class says, or from the task itself."""

    model_config = ConfigDict(frozen=True)

    name: str  # unique in a catalog; of a task that says none, the stage's
    display_name: str
    description: str
    tools: tuple[str, ...] = ()  # that it uses; of a task that names none, the tasks that it requires
    outputs: tuple[str, ...] = ()
    stage: str = ""  # where in the work it belongs; of a task that says nothing, the group
    tags: tuple[str, ...] = ()
    timeout_seconds: int | float | None = None
    max_retries: int | None = None
    holds_data: bool = False  # the class says what its outputs hold, which is JSON then
    output_schema: JsonSchema = Field(default_factory=lambda: {"type": "object"})  # of `{outputs, data?}`

    @classmethod
    def of(cls, name: str, description: str, found: Json) -> Self:
        """Make the agent of a stage from what its host found; raises `BadAgent`."""
        try:
            said = _Said.model_validate(found["said"])
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise BadAgent(f"agent_meta: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        data = said.outputs if isinstance(said.outputs, dict) else None
        return cls(
            name=said.name or name,
            display_name=display_name(said.name or name.rpartition(".")[2]),
            description=description if said.description is None else said.description,
            tools=tuple(said.tools or found["requires"]),
            outputs=tuple(said.outputs or found["outputs"]),
            stage=name.partition(".")[0] if said.stage is None else said.stage,
            tags=tuple(said.tags),
            timeout_seconds=said.timeout_seconds,
            max_retries=said.max_retries,
            holds_data=data is not None,
            output_schema=_output_schema(cast("JsonSchema", found["shape"]), data),
        )


def _output_schema(shape: JsonSchema, data: dict[str, JsonSchema] | None) -> JsonSchema:
    about_data: JsonSchema = {"description": "What the outputs hold, where the caller wants it read."}
    if data is not None:
        about_data |= _data_schema(shape, data)
    return {"type": "object", "properties": {"outputs": shape, "data": about_data}, "required": ["outputs"]}


def _data_schema(shape: JsonSchema, data: dict[str, JsonSchema]) -> JsonSchema:
    """Return what is read: of one target, what it holds; of a mapping of targets, a mapping."""
    if len(data) == 1 and "uri" in shape.get("properties", {}):
        return next(iter(data.values()))
    return {"type": "object", "properties": data}


def display_name(name: str) -> str:
    """Return a name as people write it: `identify-risks` and `IdentifyRisks` are `Identify risks`."""
    if " " in name:
        return name
    words = [word if word.isupper() and len(word) > 1 else word.lower() for word in _WORD.findall(name)]
    text = " ".join(words) or name
    return text[:1].upper() + text[1:]
