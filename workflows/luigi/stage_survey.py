"""A DAG as a spec would say it: every task with its stage, its parameters as JSON, and what no spec can say of it.

Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# os.path is what Luigi speaks
# ruff: noqa: PTH109
# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import luigi

from .stage_expansion import TASK_LIMIT, Walk, checked_deps
from .stage_parameters import (
    STRUCTURED,
    InvalidParameter,
    is_a,
    is_private,
    is_same,
    params_of,
    text_of,
    value_from_json,
)
from .stage_targets import local_paths
from .stage_tasks import StageFailure, is_external

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable, Iterator

OUTSIDE_LIMIT = 3  # paths of one task that are told


class SurveyWalk(Walk):
    """The walk of an expansion that tells more of each task, and with `goes_below` does not stop at complete ones."""

    def __init__(self, stage_of: Callable[[type[luigi.Task]], str | None], *, goes_below: bool) -> None:
        super().__init__(stage_of)
        self._goes_below = goes_below
        self._root: luigi.Task | None = None
        self._broken: dict[str, str] = {}  # why a task could not be asked
        self._directory = os.path.realpath(os.getcwd()) + os.sep

    def expand(self, root: luigi.Task, *, is_deep: bool) -> dict[str, Any]:
        """Return `{root, tasks}`; no event of Luigi's is fired, as nothing happens."""
        with silent_events():
            return super().expand(root, is_deep=is_deep)

    def _enter(self, key: str, task: luigi.Task, *, is_deep: bool) -> Iterator[luigi.Task]:
        if len(self._found) + len(self._open) >= TASK_LIMIT:
            raise StageFailure(f"there are over {TASK_LIMIT} tasks: does a task require itself with other parameters?")
        self._root = self._root or task
        self._open[key] = task
        self._needed[key] = []
        self._done[key] = False
        try:
            self._done[key] = done = self._look(task, is_deep=is_deep)
            if not is_deep or is_external(task) or (done and not self._goes_below):
                return iter(())
            return iter(checked_deps(task))
        except StageFailure:
            raise
        except Exception as error:  # noqa: BLE001 - the user's own code; what is beside the task is surveyed
            self._broken[key] = f"{type(error).__name__}: {error}"
            return iter(())

    def _leave(self, key: str) -> None:
        task = self._open[key]
        super()._leave(key)
        stage = self._stage_of(type(task))
        about = {"stage": stage, "broken": self._broken.get(key, ""), "outside": self._outside(key, task)}
        self._found[key].update(**about, **said_of(task, self._root or task))

    def _reachable(self, root: str) -> list[dict[str, Any]]:
        return list(self._found.values()) if self._goes_below else super()._reachable(root)

    def _outside(self, key: str, task: luigi.Task) -> list[str]:
        """Return targets that lie outside of the directory in which the task works."""
        if key in self._broken:
            return []
        found = [path for path in local_paths(task) if not os.path.realpath(path).startswith(self._directory)]
        return found[:OUTSIDE_LIMIT]


@contextlib.contextmanager
def silent_events() -> Generator[None, None, None]:
    """Let no handler hear of anything while the block runs."""
    task_class: Any = luigi.Task
    original = task_class.trigger_event
    task_class.trigger_event = lambda *_: None
    try:
        yield
    finally:
        task_class.trigger_event = original


def said_of(task: luigi.Task, root: luigi.Task) -> dict[str, Any]:
    """Return what a spec says of a task's parameters: `{arguments, shared, private, unsayable, retyped}`.

    `shared` names those with the value that the root's parameter of this name has; `private` those of them whose value
    must not be written down; `unsayable` those that no argument gives; `retyped` those that come as another type.
    """
    found: dict[str, Any] = {"arguments": {}, "shared": [], "private": [], "unsayable": [], "retyped": []}
    family, values = task.get_task_family(), task.param_kwargs
    of_root = root.param_kwargs
    for name, parameter in params_of(type(task)):
        value = values[name]
        is_shared = name in of_root and is_same(of_root[name], value)
        is_default = parameter.has_task_value(family, name) and is_same(parameter.task_value(family, name), value)
        if is_shared:
            found["shared"].append(name)
        if is_private(parameter):
            if is_default:
                continue
            found["private" if is_shared else "unsayable"].append(name)
            continue
        _say(found, name, parameter, value, is_default=is_default)
    return found


def _say(found: dict[str, Any], name: str, parameter: Any, value: Any, *, is_default: bool) -> None:
    """Enter the argument that gives a parameter its value, exactly if possible."""
    said = None if is_a(parameter, "TaskParameter") else _argument(parameter, name, value)
    if said is not None and said[1]:
        found["arguments"][name] = said[0]
    elif is_default:
        return  # it will have it without being told
    elif said is not None:
        found["arguments"][name] = said[0]
        found["retyped"].append(name)
    else:
        found["unsayable"].append(name)


def _argument(parameter: Any, name: str, value: Any) -> tuple[Any, bool] | None:
    """Return a JSON argument and whether the task gets the very value from it, not only one of the same text."""
    close: tuple[Any, bool] | None = None
    for candidate in _candidates(parameter, value):
        with contextlib.suppress(InvalidParameter, TypeError, ValueError):
            json.dumps(candidate, allow_nan=False)
            given = value_from_json(parameter, name, candidate)
            if is_same(given, value):
                return candidate, True
            if text_of(parameter, given) == text_of(parameter, value):
                close = close or (candidate, False)
    return close


def _candidates(parameter: Any, value: Any) -> Iterator[Any]:
    if value is None:
        yield None
        return
    if is_a(parameter, "EnumListParameter"):
        yield [one.name for one in value]
    elif is_a(parameter, "EnumParameter"):
        yield value.name
    elif is_a(parameter, "ChoiceListParameter"):
        yield list(value)
    elif is_a(parameter, *STRUCTURED):
        with contextlib.suppress(ValueError):
            yield json.loads(str(parameter.serialize(value)))
    elif isinstance(value, (bool, int, float)) and is_a(
        parameter, "BoolParameter", "IntParameter", "FloatParameter", "NumericalParameter", "ChoiceParameter"
    ):
        yield value
    text = text_of(parameter, value)
    if isinstance(value, dt.timedelta):
        yield re.sub(r"\b0 [wdhms] ?", "", text or "").strip()  # 0 w 0 d 1 h 0 m 0 s
    yield text
    if isinstance(value, dt.timedelta):
        yield value.total_seconds()
