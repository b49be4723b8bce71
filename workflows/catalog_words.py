"""The words of a catalog file's tables: names, versions, sizes, durations, limits."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from translator.language.durations import LONGEST, is_duration
from translator.language.durations import seconds as seconds_of
from translator.language.versions import Version as Semver
from workflows.hosting.limits import HostLimits, parsed_size

_MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
_CALLABLE = _MODULE.removesuffix("$") + _MODULE.replace("^", ":")
_URL = r"^https?://[^\s/]+(/\S*)?$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
NO_VERSION = "0.0.0"
_LEAST_MEMORY = 64 * 2**20  # bytes; an interpreter with Luigi takes about half of it
_LEAST_FILE = 2**20  # what a task prints is a file, too
_TOO_MANY = 2**63

Text = Annotated[str, StringConstraints(min_length=1)]
Module = Annotated[str, StringConstraints(pattern=_MODULE)]
Callable = Annotated[str, StringConstraints(pattern=_CALLABLE)]
Variable = Annotated[str, StringConstraints(pattern=_VARIABLE)]
Url = Annotated[str, StringConstraints(pattern=_URL)]


def _semver(text: str) -> str:
    if Semver.parse(text) is None:
        raise PydanticCustomError("version", "not a version")
    return text


Version = Annotated[str, AfterValidator(_semver)]


def size(least: int) -> BeforeValidator:
    """Read a size of at least so many bytes, such as `2GiB`, as bytes."""

    def read(value: Any) -> int:
        found = parsed_size(value) if isinstance(value, str) else value if type(value) is int else None
        if found is None or not least <= found < _TOO_MANY:
            raise PydanticCustomError("size", "not a size")
        return found

    return BeforeValidator(read)


def duration() -> BeforeValidator:
    """Read a duration above zero, such as `30s`, as seconds."""

    def read(value: Any) -> float:
        if not (isinstance(value, str) and is_duration(value) and 0 < seconds_of(value) <= LONGEST):
            raise PydanticCustomError("duration", "not a duration")
        return seconds_of(value)

    return BeforeValidator(read)


class Table(BaseModel):
    """A table of the file: frozen, strict, without further keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class LimitsTable(Table):
    """What processes may use at the most."""

    cpu_seconds: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    memory: Annotated[int, size(_LEAST_MEMORY)] | None = None
    file_size: Annotated[int, size(_LEAST_FILE)] | None = None
    processes: Annotated[int, Field(ge=0, lt=2**31)] | None = None

    def as_limits(self) -> HostLimits:
        """Return what hosts are told."""
        return HostLimits(**self.model_dump())
