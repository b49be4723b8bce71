"""What runs in a stage host: describes the stages of a group, expands them, runs one task, looks at outputs.

This file and the `stage_*.py` beside it run under the interpreter of the pipeline, maybe an old one: standard
library, Luigi and the user's modules only, Python 3.8. Nothing here is imported by the server.
"""

# os.path is what Luigi speaks
# ruff: noqa: PTH120, PTH123
# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
import sysconfig
import traceback
from typing import TYPE_CHECKING, Any

import luigi
import luigi.configuration
from luigi.task_register import Register

from .stage_agents import about_agent
from .stage_expansion import Walk, check_requirements, find_below
from .stage_parameters import parameters_schema, params_of, remember_parameters
from .stage_running import Builder, Note, what_is_missing
from .stage_survey import SurveyWalk
from .stage_targets import Reader, described, rewrite, set_aside, shaped
from .stage_tasks import (
    StageFailure,
    build_from_arguments,
    build_from_texts,
    completeness,
    find_class,
    key_of,
    private_values,
)

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable
    from types import ModuleType

RECURSION_LIMIT = 5_000  # wrappers of wrappers ask each other


def load(options: dict[str, Any]) -> dict[str, Callable[[dict[str, Any], Any], Any]]:
    """Import the modules of a group and return what can be called."""
    sys.setrecursionlimit(max(RECURSION_LIMIT, sys.getrecursionlimit()))
    luigi.configuration.get_config()  # read where the pipeline lies, before calls change the directory
    host = StageHost(options["group"], options["modules"])
    luigi.Task.event_handler(luigi.Event.PROGRESS)(host.pass_on_progress)
    remember_parameters()
    return {
        "describe": host.describe,
        "expand": host.expand,
        "run_task": host.run_task,
        "look": host.look,
        "fire": host.fire,
        "outputs": host.outputs,
        "rewrite": host.rewrite,
        "survey": host.survey,
    }


class StageHost:
    """The stages of one group."""

    def __init__(self, group: str, modules: list[str]) -> None:
        self._group = group
        self._failures: list[dict[str, str]] = []
        self._modules = [module for module in map(self._imported, modules) if module]
        self._stages: dict[str, type[luigi.Task]] = {}
        for module in self._modules:
            for kind in stages_of(module):
                self._add(kind)
        self._call: Any = None
        self._step: str | None = None

    def _begin(self, step: str | None) -> None:
        """Forget tasks between calls, and what is known of classes when another step begins."""
        if step is None or step != self._step:
            self._step = step
            forget_tasks()
        else:
            Register.clear_instance_cache()

    def _imported(self, name: str) -> ModuleType | None:
        try:
            return importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - also sys.exit() in a script that was meant to be run
            traceback.print_exc()
            self._fail(name, f"{type(error).__name__}: {error}")
            return None

    def _fail(self, module: str, message: str) -> None:
        self._failures.append({"module": module, "message": message})

    def _add(self, kind: type[luigi.Task]) -> None:
        name = f"{self._group}.{kind.__name__}"
        if self._stages.setdefault(name, kind) is not kind:
            self._fail(kind.__module__, f"{name} is defined in {self._stages[name].__module__} already")

    def describe(self, params: dict[str, Any], call: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return `{stages, failures, source_digest}`."""
        failures, stages = list(self._failures), []
        for name, kind in sorted(self._stages.items()):
            try:
                stages.append(self._described(name, kind))
            except Exception as error:  # noqa: BLE001 - one odd stage must not hide the others
                failures.append({"module": kind.__module__, "message": f"{name}: {error}"})
        return {"stages": stages, "failures": failures, "source_digest": source_digest(self._modules)}

    def _described(self, name: str, kind: type[luigi.Task]) -> dict[str, Any]:
        version = getattr(kind, "specloom_version", None)
        return {
            "name": name,
            "version": str(version) if version is not None else None,
            "description": inspect.cleandoc(vars(kind).get("__doc__") or ""),
            "parameters": parameters_schema(kind),
            "agent": about_agent(kind, self._stage_name),
            "module": kind.__module__,
            "qualname": kind.__qualname__,
        }

    def expand(self, params: dict[str, Any], call: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return `{root, tasks}` of a stage with its arguments; runs nothing."""
        forget_tasks()
        root = build_from_arguments(self._stage(params["stage"]), params["arguments"])
        if params["requires"] == "check":
            check_requirements(root)
        return Walk(self._stage_name).expand(root, is_deep=params["requires"] == "build")

    def survey(self, params: dict[str, Any], call: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return `{root, tasks}` as `expand` does, with all that a spec needs to name each task; runs nothing."""
        forget_tasks()
        root = build_from_arguments(self._stage(params["stage"]), params["arguments"])
        walk = SurveyWalk(self._stage_name, goes_below=params["goes_below"])
        return walk.expand(root, is_deep=params["requires"] == "build")

    def run_task(self, params: dict[str, Any], call: Any) -> dict[str, str]:
        """Run one task of an expansion and return `{status}`: "succeeded", or "skipped" when it was complete."""
        self._begin(params.get("step"))
        self._call = call
        task = self._found(params)
        looks_below = params["requires"] != "satisfied"
        try:
            builder = Builder(
                call.send, Note(params["note"]), self._refusal, looks_below=looks_below, mailbox=params.get("mailbox")
            )
            if params.get("again_in"):
                set_aside(task, params["again_in"])
            return {"status": builder.build(task)}
        finally:
            self._call = None

    def look(self, params: dict[str, Any], call: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return `{missing}`: of those of some tasks that are not complete, by key, what is not there."""
        forget_tasks()
        tasks = [self._found({**params, "task": wanted}) for wanted in params["tasks"]]
        looked = zip(params["tasks"], tasks, completeness(tasks))  # noqa: B905 - Python 3.8
        return {"missing": {wanted["key"]: what_is_missing(task) for wanted, task, is_done in looked if not is_done}}

    def fire(self, params: dict[str, Any], call: Any) -> None:  # noqa: ARG002
        """Fire an event of Luigi's for a task whose own process can't any more: it is gone."""
        forget_tasks()
        task = self._found(params)
        task.trigger_event(getattr(luigi.Event, params["event"]), task, params["message"])

    def outputs(self, params: dict[str, Any], call: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return `{outputs}` of a task, and `{data}` when it is to be read."""
        forget_tasks()
        output = self._found(params).output()
        result = {"outputs": shaped(output, described)}
        if params["read"]:
            result["data"] = shaped(output, Reader(params["read"]).read)
        return result

    def rewrite(self, params: dict[str, Any], call: Any) -> dict[str, Any]:  # noqa: ARG002
        """Let the one target of a task hold a value; return `{path, kept_as}`, where the file as it was now lies."""
        forget_tasks()
        return rewrite(self._found(params), params["value"], params["inside"])

    def pass_on_progress(self, task: luigi.Task, *details: Any) -> None:
        """Tell the server what a task says of itself by Luigi's PROGRESS event."""
        if self._call:
            told = details[0] if len(details) == 1 else list(details)
            self._call.send({"task": task.get_task_family(), "message": str(told)})

    def _stage(self, name: str) -> type[luigi.Task]:
        if name not in self._stages:
            raise StageFailure(f"the group has no stage {name} any more")
        return self._stages[name]

    def _stage_name(self, kind: type[luigi.Task]) -> str | None:
        name = f"{self._group}.{kind.__name__}"
        return name if self._stages.get(name) is kind else None

    def _refusal(self, kind: type[luigi.Task]) -> str:
        """Say why a running task may not ask for tasks of a class; empty when it may.

        What Luigi brings is part of nobody's catalog, and of everybody's pipeline.
        """
        home = kind.__module__
        is_ours = any(home == module.__name__ for module in self._modules) or kind in self._stages.values()
        if is_ours or home.partition(".")[0] == "luigi":
            return ""
        return f"is not in the catalog: add its module {home} to `modules` of [luigi.{self._group}]"

    def _found(self, params: dict[str, Any]) -> luigi.Task:
        """Return the very task that an expansion means."""
        wanted, root, arguments = params["task"], params["root"], params["arguments"]
        if wanted["is_self_contained"]:
            kind = find_class(wanted["module"], wanted["qualname"])
            task = build_from_texts(kind, wanted["params"], {}) if kind else None
            if task is not None and key_of(task) == wanted["key"]:
                return task
        kind = find_class(root["module"], root["qualname"])
        if kind is None:
            raise StageFailure(f"{root['module']} has no {root['qualname']} any more")
        top = build_from_texts(kind, root["params"], private_values(kind, arguments))
        return find_below(top, wanted["key"])


def forget_tasks() -> None:
    """Empty what Luigi and we remember between calls: its cache of instances never forgets by itself."""
    Register.clear_instance_cache()
    params_of.cache_clear()


def stages_of(module: ModuleType) -> list[type[luigi.Task]]:
    """Return the stages of a module: the tasks that it defines, and those that its `__all__` exports."""
    exported = getattr(module, "__all__", ())
    return [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, luigi.Task)
        and not issubclass(value, luigi.Config)
        and not inspect.isabstract(value)
        and not name.startswith("_")
        and (name in exported or value.__module__ == module.__name__)
    ]


def source_digest(modules: list[ModuleType]) -> str:
    """Return a digest of the source of the modules and of what they import from beside them."""
    digest = hashlib.sha256()
    roots = tuple({package_folder(module) for module in modules} - {""})
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and path.endswith(".py") and is_below(path, roots) and not name.startswith("_specloom_program"):
            with open(path, "rb") as file:
                digest.update(f"{name}\0".encode() + hashlib.sha256(file.read()).digest())
    return "sha256:" + digest.hexdigest()


def package_folder(module: ModuleType) -> str:
    """Return the folder in which the module's topmost package, or the module itself, lies."""
    top = sys.modules.get(module.__name__.partition(".")[0], module)
    path = getattr(top, "__file__", None) or next(iter(getattr(top, "__path__", [])), "")
    folder = os.path.dirname(path)
    return os.path.dirname(folder) if hasattr(top, "__path__") and getattr(top, "__file__", None) else folder


def is_below(path: str, folders: tuple[str, ...]) -> bool:
    """Tell whether a file lies below one of the folders, but not among what is installed."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    if any(path.startswith(folder + os.sep) for folder in installed if folder not in folders):
        return False
    return any(path.startswith(folder + os.sep) for folder in folders)
