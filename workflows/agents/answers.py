"""What a model may answer with, and how its result is read off that."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from translator.language.schemas import Validator
from translator.language.standalone import standalone
from translator.planning.agents import RESULT
from translator.planning.plan import Step
from workflows.nodes.call import NodeCall

Json = Any
UNREADABLE = "unreadable_arguments"
"""The one argument of a call whose arguments are no JSON."""

_VALUE = "value"
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?```", re.DOTALL)


@dataclass(frozen=True)
class Wanted:
    """The result that an agent has to give. Without a schema its text is the result."""

    schema: dict[str, Json] | None
    validator: Validator | None
    is_json: bool  # as a text, not by calling a tool
    is_wrapped: bool  # what is no object, or one of several, stands in a field of one

    @classmethod
    def of(cls, call: NodeCall) -> Wanted:
        """Return what a step wants of its agent."""
        step, plan = call.program.step, call.frame.plan
        is_json = step.agent is not None and step.agent.response == "json"
        if step.verb == "decide":
            schema = _choice(step, is_one=call.frame.program.member_of_flow(step))
            return cls(schema, Validator(schema, {}), is_json, is_wrapped=False)
        if step.result is None:
            return cls(None, None, is_json=False, is_wrapped=False)
        schema = dict(standalone(step.result, plan.defs))
        is_plain = schema.get("type") == "object" and not {"oneOf", "anyOf", "allOf"} & schema.keys()
        return cls(schema, call.program.result, is_json, is_wrapped=not is_plain)

    @property
    def tool_schema(self) -> dict[str, Json] | None:
        """Return what the tool takes by which the result is given; None where there is none."""
        if self.schema is None or self.is_json:
            return None
        schema = self.schema
        if self.is_wrapped:
            defs = {"$defs": schema["$defs"]} if "$defs" in schema else {}
            inner = {name: one for name, one in schema.items() if name != "$defs"}
            schema = {"type": "object", "properties": {_VALUE: inner}, "required": [_VALUE], **defs}
        return {"description": "Gives the result. Call it once, when you are done.", **schema, "title": RESULT}

    @property
    def hint(self) -> str:
        """Return what the instructions say about the form of the answer."""
        if self.schema is None:
            return ""
        if self.is_json:
            schema = json.dumps(self.schema, ensure_ascii=False)
            return (
                f"\n\nWhen you are done, answer with JSON that fits this JSON Schema, and with nothing else:\n{schema}"
            )
        return f"\n\nWhen you are done, give your result by calling the tool {RESULT}."

    def read(self, text: str, structured: Json) -> tuple[Json, str | None]:
        """Return the result that was given, and what is wrong with it."""
        if self.schema is None:
            return {"text": text}, None
        if self.is_json:
            try:
                value = json.loads(_unfenced(text), parse_constant=_refuse)
            except (ValueError, RecursionError):
                return None, "the answer is no JSON"
        elif structured is None:
            return None, f"the tool {RESULT} was not called"
        else:
            value = structured.get(_VALUE) if self.is_wrapped else structured
        violations = self.validator.problems(value, "") if self.validator else []
        if not violations:
            return value, None
        where = f" at {violations[0].path}" if violations[0].path else ""
        return value, f"the result does not fit its schema{where}: {violations[0].message}"

    def correction(self, wrong: str) -> str:
        """Return what the model is told when its result is wrong."""
        how = "Answer with the corrected JSON and nothing else." if self.is_json else f"Call {RESULT} again, corrected."
        return f"This cannot be used: {wrong}. {how}"


def _choice(step: Step, *, is_one: bool) -> dict[str, Json]:
    most = {"maxItems": 1} if is_one else {"uniqueItems": True}
    chosen: dict[str, Json] = {"type": "array", "items": {"enum": list(step.among)}, "minItems": 1, **most}
    fields = {"next": chosen, "reason": {"type": "string", "description": "Why, in one or two sentences."}}
    return {"type": "object", "properties": fields, "required": ["next", "reason"]}


def _unfenced(text: str) -> str:
    """Return JSON without what models like to put around it."""
    fenced = _FENCED.search(text)
    return (fenced[1] if fenced else text).strip()


def _refuse(constant: str) -> Json:
    raise ValueError(constant)
