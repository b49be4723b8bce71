"""Tasks: what identifies one, how it is built again from text, and whether it is complete.

Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from typing import TYPE_CHECKING, Any

import luigi
from luigi.task import flatten
from luigi.task_register import Register

from .stage_parameters import (
    is_hidden,
    is_private,
    is_same,
    params_of,
    static_default,
    text_of,
    value_from_json,
    value_from_text,
)

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Iterable

NAME_LIMIT = 120  # characters


class StageFailure(Exception):
    """A task cannot be built, or is not what it should be."""

    kind = "stage-failed"


class MissingExternal(Exception):
    """Something is not there that nobody builds; the message names what."""

    kind = "missing-external"


def is_external(task: luigi.Task) -> bool:
    """Tell whether nobody builds the task."""
    run: Any = getattr(task, "run", None)
    return run is None or run is NotImplemented


def texts_of(task: luigi.Task) -> dict[str, str | None]:
    """Return every parameter that may be written down, as text."""
    values = task.param_kwargs
    return {name: text_of(one, values[name]) for name, one in params_of(type(task)) if not is_private(one)}


def key_of(task: luigi.Task) -> str:
    """Return the stable name of a task.

    Luigi's own task_id leaves out insignificant parameters, so tasks that differ in them would be taken for one.
    """
    kind = type(task)
    identity = [kind.__module__, kind.__qualname__, texts_of(task), is_external(task)]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{kind.__name__}-{digest[:16]}"


def name_of(task: luigi.Task, stage: str | None) -> str:
    """Return what to call a task on a screen."""
    values = task.param_kwargs
    shown = [
        f"{name}={text_of(one, values[name])}"
        for name, one in params_of(type(task))
        if one.significant and not is_hidden(one)
    ]
    text = "{}({})".format(stage or task.get_task_family(), ", ".join(shown))
    return text if len(text) <= NAME_LIMIT else text[: NAME_LIMIT - 2] + "…)"


def find_class(module: str, qualname: str) -> type[luigi.Task] | None:
    """Return the newest class that was defined under this name, None if there is none here."""
    # its public view is by family, which may be ambiguous
    registered: list[Any] = Register._reg  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    for one in reversed(registered):
        if one.__module__ == module and one.__qualname__ == qualname and one._visible_in_registry:  # noqa: SLF001
            return one
    return None


def build_from_texts(kind: type[luigi.Task], texts: dict[str, str | None], private: dict[str, Any]) -> luigi.Task:
    """Return the task that `texts_of` describes."""
    values: dict[str, Any] = dict(private)
    for name, parameter in params_of(kind):
        if name in texts and name not in private:
            values[name] = _value(parameter, texts[name])
    return kind(**values)


def _value(parameter: Any, text: str | None) -> Any:
    # a default of another type than the parameter's, Parameter(default=5), reads back as text: keep it as it is
    default = static_default(parameter)
    with contextlib.suppress(Exception):
        default = parameter.normalize(default)
        if default is not None and text_of(parameter, default) == text:
            return default
    return value_from_text(parameter, text)


def build_from_arguments(kind: type[luigi.Task], arguments: dict[str, Any]) -> luigi.Task:
    """Return the task for a step's arguments; raises `InvalidParameter`."""
    parameters = dict(params_of(kind))
    unknown = sorted(set(arguments) - set(parameters))
    if unknown:
        raise StageFailure("there is no parameter " + ", ".join(unknown))
    return kind(**{name: value_from_json(parameters[name], name, value) for name, value in arguments.items()})


def private_values(kind: type[luigi.Task], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the values of those arguments that are never written down."""
    parameters = dict(params_of(kind))
    return {
        name: value_from_json(parameters[name], name, value)
        for name, value in arguments.items()
        if name in parameters and is_private(parameters[name])
    }


def is_self_contained(task: luigi.Task) -> bool:
    """Tell whether the task can be built from its texts alone, exactly as it is."""
    kind = type(task)
    if find_class(kind.__module__, kind.__qualname__) is not kind or "run" in vars(task):
        return False
    try:
        return all(is_same(_again(one, name, task), task.param_kwargs[name]) for name, one in params_of(kind))
    except Exception:  # noqa: BLE001 - a parameter of the user's own may raise anything
        return False


def _again(parameter: Any, name: str, task: luigi.Task) -> Any:
    """Return the value that a parameter will have when the task is built from its texts."""
    if is_private(parameter):
        return parameter.task_value(task.get_task_family(), name)
    return _value(parameter, text_of(parameter, task.param_kwargs[name]))


def is_trivial_wrapper(task: luigi.Task) -> bool:
    """Tell whether the task is complete exactly when all that it requires is."""
    return isinstance(task, luigi.WrapperTask) and type(task).complete is luigi.WrapperTask.complete


def has_no_output(task: luigi.Task) -> bool:
    """Tell whether nothing can ever show that the task is done."""
    return type(task).complete is luigi.Task.complete and not flatten(task.output())


def is_complete(task: luigi.Task) -> bool:
    """Tell whether the task is done."""
    return completeness([task])[0]


def completeness(tasks: Iterable[luigi.Task]) -> list[bool]:
    """Return for each task whether it is done, asking no wrapper twice.

    Luigi's WrapperTask asks everything below it again on every path: exponential on deep diamonds.
    """
    wrapper_task: Any = luigi.WrapperTask
    original = wrapper_task.complete
    known: dict[int, tuple[luigi.Task, bool]] = {}  # the task is held, so that its id stays its own

    def complete(wrapper: luigi.WrapperTask) -> bool:
        if id(wrapper) not in known:
            known[id(wrapper)] = (wrapper, bool(original(wrapper)))
        return known[id(wrapper)][1]

    wrapper_task.complete = complete
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a task without output is never complete is nothing new
            return [bool(task.complete()) for task in tasks]
    finally:
        wrapper_task.complete = original
