"""Whether values from outside fit a JSON Schema; checked off the loop, since they may be big."""

from __future__ import annotations

from typing import Any

from anyio import to_thread

from spec_service.errors import Refused
from translator.language.problems import Problem, ordered
from translator.planning.plan import JsonSchema

Json = Any


async def require_fit(schema: JsonSchema, value: Json, *, pointer: str, name: str) -> None:
    """Raise `Refused` with problems called `name`, at pointers below `pointer`, unless the value fits."""
    problems = await to_thread.run_sync(_misfits, schema, value, pointer, name)
    if problems:
        raise Refused(problems)


def _misfits(schema: JsonSchema, value: Json, pointer: str, name: str) -> list[Problem]:
    from translator.language.schemas import Validator  # noqa: PLC0415 - jsonschema loads slowly

    found = Validator(schema).problems(value, pointer)
    return ordered(Problem(name, one.message, one.path, suggestion=one.suggestion) for one in found)
