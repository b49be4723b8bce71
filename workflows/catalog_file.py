"""The operator's catalog file, `specloom.toml`: which stages, tools, secrets and models a spec may name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from translator.language.durations import LONGEST, is_duration
from translator.language.durations import seconds as seconds_of
from translator.language.versions import BadReferenceError, Version, parse_ref
from workflows.catalog_mistakes import Mistakes
from workflows.errors import WorkflowError
from workflows.hosting.limits import HostLimits, parsed_size
from workflows.luigi.registry import POLL_SECONDS, LuigiGroup
from workflows.tools.registry import ToolGroup
from workflows.tools.secrets import SecretSource

_MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
_CALLABLE = _MODULE.removesuffix("$") + _MODULE.replace("^", ":")
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_NO_VERSION = "0.0.0"
_LEAST_MEMORY = 64 * 2**20  # bytes; an interpreter with Luigi takes about half of it
_LEAST_FILE = 2**20  # what a task prints is a file, too
_TOO_MANY = 2**63

OTHERS = ("publish",)
"""Tables of the same file that are none of the catalog's: where the service publishes specs to."""

_Text = Annotated[str, StringConstraints(min_length=1)]
_Module = Annotated[str, StringConstraints(pattern=_MODULE)]
_Callable = Annotated[str, StringConstraints(pattern=_CALLABLE)]
_Variable = Annotated[str, StringConstraints(pattern=_VARIABLE)]
_GROUP_RULE = "a group's name is like `market` or `web-tools`: small letters, digits, `.`, `_`, `-`"
_SECRET_RULE = "a secret's name is like `SEARCH_KEY`: letters, digits, `_`"  # noqa: S105 - a sentence


def is_group_name(name: str) -> bool:
    """Tell whether entries of a group of this name can be named in a spec."""
    try:
        return parse_ref(f"{name}.entry").group == name
    except BadReferenceError:
        return False


def _is_secret_name(name: str) -> bool:
    return _SECRET.fullmatch(name) is not None


def _semver(text: str) -> str:
    if Version.parse(text) is None:
        raise PydanticCustomError("version", "not a version")
    return text


_Version = Annotated[str, AfterValidator(_semver)]


def _size(least: int) -> BeforeValidator:
    def read(value: Any) -> int:
        size = parsed_size(value) if isinstance(value, str) else value if type(value) is int else None
        if size is None or not least <= size < _TOO_MANY:
            raise PydanticCustomError("size", "not a size")
        return size

    return BeforeValidator(read)


def _duration() -> BeforeValidator:
    def read(value: Any) -> float:
        if not (isinstance(value, str) and is_duration(value) and 0 < seconds_of(value) <= LONGEST):
            raise PydanticCustomError("duration", "not a duration")
        return seconds_of(value)

    return BeforeValidator(read)


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
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class _LimitsTable(_Table):
    cpu_seconds: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    memory: Annotated[int, _size(_LEAST_MEMORY)] | None = None
    file_size: Annotated[int, _size(_LEAST_FILE)] | None = None
    processes: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class _GroupTable(_Table):
    modules: Annotated[list[_Module], Field(min_length=1)]
    path: list[_Text] = []
    python: _Text | None = None
    version: _Version = _NO_VERSION
    env: list[_Variable] = []
    limits: _LimitsTable = _LimitsTable()
    sandbox: Literal["", "bwrap"] = ""
    bootstrap: _Callable | None = None


class _LuigiTable(_GroupTable):
    workdir: _Text = "run"
    poll: Annotated[float, _duration()] = POLL_SECONDS
    resources: dict[_Text, Annotated[int, Field(ge=0, lt=2**31)]] = {}


class _ToolTable(_GroupTable):
    secrets: list[str] = []


class _SecretTable(_Table):
    env: _Variable | None = None
    file: _Text | None = None

    @model_validator(mode="after")
    def _names_one_place(self) -> _SecretTable:
        if (self.env is None) == (self.file is None):
            raise ValueError('needs exactly one of `env = "VARIABLE"` and `file = "PATH"`')
        return self


class _Document(_Table):
    luigi: dict[str, _LuigiTable] = {}
    tools: dict[str, _ToolTable] = {}
    secrets: dict[str, _SecretTable] = {}
    models: dict[str, dict[str, Any]] = {}


_KEYS: dict[str, type[_Table]] = {"luigi": _LuigiTable, "tools": _ToolTable, "secrets": _SecretTable}


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
    table = _LimitsTable if "limits" in location[2:-1] else _KEYS.get(str(location[0]))
    return tuple(table.model_fields) if table else ()


def _check_names(content: Mapping[str, Any], mistakes: Mistakes) -> None:
    for kind, is_name, rule in (
        ("luigi", is_group_name, _GROUP_RULE),
        ("tools", is_group_name, _GROUP_RULE),
        ("secrets", _is_secret_name, _SECRET_RULE),
    ):
        table: Any = content.get(kind)
        names: list[str] = [*table] if type(table) is dict else []
        for name in names:
            if not is_name(name):
                mistakes.add((kind, name), f"`{name}` is no name: {rule}")


def _check_secrets(document: _Document, mistakes: Mistakes) -> None:
    for name, table in document.tools.items():
        for secret in table.secrets:
            if secret not in document.secrets:
                message = (
                    f'the secret `{secret}` is not declared: add a table [secrets.{secret}] with `env = "{secret}"`'
                )
                mistakes.add(("tools", name, "secrets"), message)


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
        models=document.models,
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
        limits=HostLimits(**table.limits.model_dump()),
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
        limits=HostLimits(**table.limits.model_dump()),
        sandbox=table.sandbox,
        bootstrap=table.bootstrap or "",
    )
