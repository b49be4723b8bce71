"""What agents need to know of a task: what `agent_meta` said on its class, and what its `requires` and `output` tell.

Both are looked at, never called: a catalog is read at start-up, when nothing of a pipeline should run.
Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import ast
import inspect
import textwrap
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

import luigi

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable, Iterator

    Schema = dict[str, Any]

ATTRIBUTE = "__specloom_agent__"  # what `specloom_client.agent_meta` writes; anybody may
TARGET = {
    "type": "object",
    "properties": {
        "uri": {"type": "string"},
        "bytes": {"type": ["integer", "null"]},
        "sha256": {"type": ["string", "null"]},
    },
    "required": ["uri"],
}
ANY_SHAPE = {"anyOf": [TARGET, {"type": "array"}, {"type": "object"}, {"type": "null"}]}
NO_SHAPE = {"type": "array", "maxItems": 0}
SINGLE = "output"  # what the target of a task with one target is called


def about_agent(kind: type[luigi.Task], name_of: Callable[[type[luigi.Task]], str | None]) -> dict[str, Any]:
    """Return `{said, requires, outputs, shape}`; `said` is empty for a task without `agent_meta`.

    `name_of` gives the catalog's name of a class. Raises `TypeError` for an attribute that is no mapping.
    """
    said = vars(kind).get(ATTRIBUTE, {})  # of the class itself: a subclass is another agent
    if not isinstance(said, dict):
        raise TypeError(ATTRIBUTE + " is no mapping")
    shape = output_shape(kind)
    return {"said": said, "requires": required(kind, name_of), "outputs": output_names(shape), "shape": shape}


def required(kind: type[luigi.Task], name_of: Callable[[type[luigi.Task]], str | None]) -> list[str]:
    """Return the tasks that `requires` names: stages by their name, others as `module.Class`."""
    method: Any = kind.requires
    if method is luigi.Task.requires:
        return []
    found = {one for one in _mentioned(inspect.unwrap(method)) if one is not kind}
    return sorted(name_of(one) or one.__module__ + "." + one.__qualname__ for one in found)


def _mentioned(method: Any) -> Iterator[type[luigi.Task]]:
    """Walk through the task classes that a function names, or has from the function around it."""
    code, names = getattr(method, "__code__", None), getattr(method, "__globals__", {})
    if code is None:
        return
    words = set(_words(code))
    values = [names[word] for word in words if word in names]
    modules = [value for value in values if isinstance(value, ModuleType)]
    values += [vars(module)[word] for module in modules for word in words if word in vars(module)]
    for value in values:
        if _is_task(value):
            yield value
    for cell in getattr(method, "__closure__", None) or ():
        yield from _held(cell)


def _words(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # of a comprehension, or a function inside
            yield from _words(constant)


def _held(cell: Any) -> Iterator[type[luigi.Task]]:
    """Walk through the task classes in a closure, those of `luigi.util.requires` too."""
    try:
        value = cell.cell_contents
    except ValueError:  # not filled yet
        return
    several = [value, *getattr(value, "tasks_to_require", ()), *getattr(value, "kw_tasks_to_require", {}).values()]
    if isinstance(value, (list, tuple)):
        several += value
    for one in several:
        if _is_task(one):
            yield one


def _is_task(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, luigi.Task) and value.__module__.partition(".")[0] != "luigi"


def output_shape(kind: type[luigi.Task]) -> Schema:
    """Return the schema of what the outputs of a task look like, as far as its source says it in one `return`."""
    method: Any = kind.output
    if method is luigi.Task.output or issubclass(kind, luigi.WrapperTask):
        return NO_SHAPE
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(method))))
    except (OSError, SyntaxError, TypeError):  # no source, or not where it should be
        return ANY_SHAPE
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    return _shape(returned[0]) if len(returned) == 1 else ANY_SHAPE


def _shape(node: ast.AST) -> Schema:
    if isinstance(node, ast.Dict):
        return _mapping(node)
    if isinstance(node, (ast.List, ast.Tuple)):
        return _list(node.elts)
    if isinstance(node, (ast.ListComp, ast.DictComp)):
        return {"type": "array" if isinstance(node, ast.ListComp) else "object"}
    if isinstance(node, ast.Call) and _called(node.func).endswith("Target"):
        return TARGET
    return ANY_SHAPE


def _mapping(node: ast.Dict) -> Schema:
    keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
    if not all(isinstance(key, str) for key in keys):
        return {"type": "object"}
    inner = {str(key): _shape(value) for key, value in zip(keys, node.values)}  # noqa: B905 - Python 3.8
    return {"type": "object", "properties": inner, "required": list(inner)}


def _list(nodes: list[ast.expr]) -> Schema:
    if not nodes:
        return NO_SHAPE
    if any(isinstance(one, ast.Starred) for one in nodes):
        return {"type": "array"}
    return {
        "type": "array",
        "prefixItems": [_shape(one) for one in nodes],
        "minItems": len(nodes),
        "maxItems": len(nodes),
    }


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def output_names(shape: Schema) -> list[str]:
    """Return what to call the outputs: the keys of a mapping, else one name for all."""
    if shape is NO_SHAPE:
        return []
    return list(shape.get("properties", {})) or [SINGLE] if shape is not TARGET else [SINGLE]
