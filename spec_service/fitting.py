"""Whether values from outside fit a JSON Schema; big ones are checked off the loop."""

from __future__ import annotations

from typing import Any, cast

from anyio import to_thread

from spec_service.errors import Refused
from translator.language.problems import Problem, ordered
from translator.planning.plan import JsonSchema

Json = Any
_SMALL = 1000  # values and characters: checked sooner than a thread is reached


async def require_fit(schema: JsonSchema, value: Json, *, pointer: str, name: str) -> None:
    """Raise `Refused` with problems called `name`, at pointers below `pointer`, unless the value fits."""
    if _is_small(value):
        problems = _misfits(schema, value, pointer, name)
    else:
        problems = await to_thread.run_sync(_misfits, schema, value, pointer, name)
    if problems:
        raise Refused(problems)


def _is_small(value: Json) -> bool:
    left, todo = _SMALL, [value]
    while todo:
        one = todo.pop()
        left -= len(cast("str", one)) if isinstance(one, (str, dict, list)) else 1
        if left < 0:
            return False
        if isinstance(one, dict):
            found = cast("dict[str, Json]", one)
            todo += [*found, *found.values()]
        elif isinstance(one, list):
            todo += cast("list[Json]", one)
    return True


def _misfits(schema: JsonSchema, value: Json, pointer: str, name: str) -> list[Problem]:
    from translator.language.schemas import Validator  # noqa: PLC0415 - jsonschema loads slowly

    found = Validator(schema).problems(value, pointer)
    return ordered(Problem(name, one.message, one.path, suggestion=one.suggestion) for one in found)
