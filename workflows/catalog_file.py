"""The operator's catalog file, `specloom.toml`: which stages, tools, secrets and models a spec may name."""
# ruff: noqa: RUF012 - pydantic copies the defaults of tables

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from translator.language.versions import BadReferenceError, parse_ref
from workflows.agents.cards import ModelCard
from workflows.agents.harnesses.harness import Harness
from workflows.agents.prompts import PromptGroup
from workflows.catalog_mistakes import Mistakes
from workflows.catalog_models import ANSWER_KEYS, ModelTable, PromptsTable, model_card, prompt_group
from workflows.catalog_programs import HarnessTable, McpTable, as_harness, mcp_group
from workflows.catalog_words import NO_VERSION, Callable, LimitsTable, Module, Table, Text, Variable, Version, duration
from workflows.errors import WorkflowError
from workflows.luigi.registry import POLL_SECONDS, LuigiGroup
from workflows.tools.mcp_registry import McpGroup
from workflows.tools.registry import ToolGroup
from workflows.tools.secrets import SecretSource

_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MODEL = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")
_HARNESS = re.compile(r"[a-z][a-z0-9-]{0,62}")
_PLACE = re.compile(r"\{([^{}]*)\}")  # in a header: a secret

OTHERS = ("publish",)
"""Tables of the same file that are none of the catalog's: where the service publishes specs to."""

_GROUP_RULE = "a group's name is like `market` or `web-tools`: small letters, digits, `.`, `_`, `-`"
_SECRET_RULE = "a secret's name is like `SEARCH_KEY`: letters, digits, `_`"  # noqa: S105 - a sentence
_MODEL_RULE = "a model's name is like `default-large`: letters, digits, `.`, `_`, `-`"
_HARNESS_RULE = "a harness's name is like `coder`: small letters, digits, `-`"


def is_group_name(name: str) -> bool:
    """Tell whether entries of a group of this name can be named in a spec."""
    try:
        return parse_ref(f"{name}.entry").group == name
    except BadReferenceError:
        return False


def _is_harness_name(name: str) -> bool:
    return _HARNESS.fullmatch(name) is not None


def _is_model_name(name: str) -> bool:
    return _MODEL.fullmatch(name) is not None


def _is_secret_name(name: str) -> bool:
    return _SECRET.fullmatch(name) is not None


class CatalogFileError(WorkflowError):
    """The catalog file cannot be used."""

    name = "catalog-file-invalid"


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """What a catalog file says, its paths made absolute."""

    path: Path | None = None  # None: there is no file
    luigi: tuple[LuigiGroup, ...] = ()
    tools: tuple[ToolGroup, ...] = ()
    secrets: Mapping[str, SecretSource] = field(default_factory=dict[str, SecretSource])
    models: Mapping[str, ModelCard] = field(default_factory=dict[str, ModelCard])
    prompts: tuple[PromptGroup, ...] = ()
    mcp: tuple[McpGroup, ...] = ()
    harnesses: tuple[Harness, ...] = ()


class _GroupTable(Table):
    modules: Annotated[list[Module], Field(min_length=1)]
    path: list[Text] = []
    python: Text | None = None
    version: Version = NO_VERSION
    env: list[Variable] = []
    limits: LimitsTable = LimitsTable()
    sandbox: Literal["", "bwrap"] = ""
    bootstrap: Callable | None = None


class _LuigiTable(_GroupTable):
    workdir: Text = "run"
    poll: Annotated[float, duration()] = POLL_SECONDS
    resources: dict[Text, Annotated[int, Field(ge=0, lt=2**31)]] = {}


class _ToolTable(_GroupTable):
    secrets: list[str] = []
    requires_approval: list[Text] = []


class _SecretTable(Table):
    env: Variable | None = None
    file: Text | None = None

    @model_validator(mode="after")
    def _names_one_place(self) -> _SecretTable:
        if (self.env is None) == (self.file is None):
            raise ValueError('needs exactly one of `env = "VARIABLE"` and `file = "PATH"`')
        return self


class _Document(Table):
    luigi: dict[str, _LuigiTable] = {}
    tools: dict[str, _ToolTable] = {}
    secrets: dict[str, _SecretTable] = {}
    models: dict[str, ModelTable] = {}
    prompts: dict[str, PromptsTable] = {}
    mcp: dict[str, McpTable] = {}
    harnesses: dict[str, HarnessTable] = {}


_KEYS: dict[str, type[Table]] = {
    "luigi": _LuigiTable,
    "tools": _ToolTable,
    "secrets": _SecretTable,
    "models": ModelTable,
    "prompts": PromptsTable,
    "mcp": McpTable,
    "harnesses": HarnessTable,
}


def read_catalog_file(path: Path, *, is_named: bool = False, also_known: Iterable[str] = OTHERS) -> CatalogFile:
    """Read a catalog file; a missing one is an empty catalog, unless somebody named it.

    `also_known` are keys of the top that belong to others and are left alone. Raises `CatalogFileError`,
    which lists all mistakes with their lines and says what to do about each.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        if is_named:
            raise CatalogFileError(f"{path}: there is no such catalog file: check the path, or create it") from None
        return CatalogFile()
    except OSError as error:
        raise CatalogFileError(f"{path}: the catalog file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CatalogFileError(f"{path}: the catalog file is not UTF-8 text: save it as UTF-8") from None
    document = _document(path, text, frozenset(also_known))
    return _resolved(document, path.absolute())


def _document(path: Path, text: str, also_known: frozenset[str]) -> _Document:
    mistakes = Mistakes(path, text)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogFileError(mistakes.of_syntax(str(error))) from None
    try:
        document = _Document.model_validate({key: one for key, one in content.items() if key not in also_known})
    except ValidationError as error:
        for one in error.errors(include_url=False):
            mistakes.add_invalid(one, _known_keys(one["loc"]))
        document = None
    _check_names(content, mistakes)
    if document is not None:
        _check_secrets(document, mistakes)
    if document is None or mistakes:
        raise CatalogFileError(str(mistakes))
    return document


def _known_keys(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the keys that may stand where an unknown one was found."""
    if len(location) == 1:
        return tuple(_Document.model_fields)
    if location[0] == "models" and "script" in location[2:-1]:
        return ANSWER_KEYS
    table = LimitsTable if "limits" in location[2:-1] else _KEYS.get(str(location[0]))
    return tuple(table.model_fields) if table else ()


def _check_names(content: Mapping[str, Any], mistakes: Mistakes) -> None:
    for kind, is_name, rule in (
        ("luigi", is_group_name, _GROUP_RULE),
        ("tools", is_group_name, _GROUP_RULE),
        ("secrets", _is_secret_name, _SECRET_RULE),
        ("models", _is_model_name, _MODEL_RULE),
        ("prompts", is_group_name, _GROUP_RULE),
        ("mcp", is_group_name, _GROUP_RULE),
        ("harnesses", _is_harness_name, _HARNESS_RULE),
    ):
        table: Any = content.get(kind)
        names: list[str] = [*table] if type(table) is dict else []
        for name in names:
            if not is_name(name):
                mistakes.add((kind, name), f"`{name}` is no name: {rule}")


def _check_keys_of_models(document: _Document, mistakes: Mistakes) -> None:
    for name, table in document.models.items():
        if table.api_key is not None and table.api_key not in document.secrets:
            message = (
                f"the secret `{table.api_key}` is not declared: `api_key` names a secret, so add a table "
                f"[secrets.{table.api_key}]"
            )
            mistakes.add(("models", name, "api_key"), message)


def _check_secrets(document: _Document, mistakes: Mistakes) -> None:
    for name, table in document.tools.items():
        for secret in table.secrets:
            if secret not in document.secrets:
                message = (
                    f'the secret `{secret}` is not declared: add a table [secrets.{secret}] with `env = "{secret}"`'
                )
                mistakes.add(("tools", name, "secrets"), message)

    _check_keys_of_models(document, mistakes)
    for kind, tables in (("mcp", document.mcp), ("harnesses", document.harnesses)):
        for name, table in tables.items():
            for secret in {one for value in table.headers.values() for one in _PLACE.findall(value)}:
                if secret not in document.secrets:
                    message = f"the secret `{secret}` of a header is not declared: add a table [secrets.{secret}]"
                    mistakes.add((kind, name, "headers"), message)
    for name in document.mcp.keys() & document.tools.keys():
        mistakes.add(("mcp", name), f"there is a group [tools.{name}] already: call one of the two otherwise")


def _resolved(document: _Document, path: Path) -> CatalogFile:
    """Make paths absolute. Symbolic links stay: the `python` of a virtual environment is one."""
    folder = path.parent
    return CatalogFile(
        path=path,
        luigi=tuple(_luigi_group(name, table, folder) for name, table in document.luigi.items()),
        tools=tuple(_tool_group(name, table, folder) for name, table in document.tools.items()),
        secrets={
            name: SecretSource(env=table.env, file=folder / table.file if table.file else None)
            for name, table in document.secrets.items()
        },
        models={name: model_card(name, table) for name, table in document.models.items()},
        prompts=tuple(prompt_group(name, table, folder) for name, table in document.prompts.items()),
        mcp=tuple(mcp_group(name, table, folder) for name, table in document.mcp.items()),
        harnesses=tuple(as_harness(name, table, folder) for name, table in document.harnesses.items()),
    )


def _luigi_group(name: str, table: _LuigiTable, folder: Path) -> LuigiGroup:
    return LuigiGroup(
        name=name,
        modules=tuple(table.modules),
        path=tuple(folder / one for one in table.path),
        python=folder / table.python if table.python else None,
        version=table.version,
        workdir=None if table.workdir == "run" else folder / table.workdir,
        poll_seconds=table.poll,
        resources=table.resources,
        env=tuple(table.env),
        limits=table.limits.as_limits(),
        sandbox=table.sandbox,
        bootstrap=table.bootstrap or "",
    )


def _tool_group(name: str, table: _ToolTable, folder: Path) -> ToolGroup:
    return ToolGroup(
        name=name,
        modules=tuple(table.modules),
        path=tuple(folder / one for one in table.path),
        python=folder / table.python if table.python else None,
        version=table.version,
        env=tuple(table.env),
        secrets=tuple(table.secrets),
        requires_approval=tuple(table.requires_approval),
        limits=table.limits.as_limits(),
        sandbox=table.sandbox,
        bootstrap=table.bootstrap or "",
    )
