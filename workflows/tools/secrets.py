"""Where the values of secrets come from: a variable of the server's environment, or a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workflows.errors import UnknownSecret


@dataclass(frozen=True, slots=True)
class SecretSource:
    """A `[secrets.NAME]` table of the catalog file: one of the two is set."""

    env: str | None = None
    file: Path | None = None  # absolute; the newline at its end is no part of the value


class CatalogSecrets:
    """The secrets that the catalog file names, read anew at every use, so that a rotated one is taken up."""

    def __init__(self, sources: Mapping[str, SecretSource], environ: Mapping[str, str]) -> None:
        self._sources = dict(sources)
        self._environ = environ

    def value(self, name: str) -> str:
        """Return the value; raises `UnknownSecret`, which says where it was looked for."""
        source = self._sources.get(name)
        if source is None:
            raise UnknownSecret(f"there is no secret {name}: declare it as [secrets.{name}] in the catalog file")
        if source.file is not None:
            return _file_value(name, source.file)
        value = self._environ.get(source.env or name, "")
        if not value:
            raise UnknownSecret(f"the secret {name} has no value: set the environment variable {source.env or name}")
        return value

    def shown_by(self, variables: Iterable[str]) -> list[str]:
        """Return the values of those secrets that lie in some variables of the environment."""
        names = set(variables)
        sources = (one.env for one in self._sources.values() if one.env in names)
        return [value for name in sources if name and (value := self._environ.get(name, ""))]


def _file_value(name: str, file: Path) -> str:
    try:
        value = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UnknownSecret(f"the secret {name} cannot be read from {file}: {reason}") from None
    if not value:
        raise UnknownSecret(f"the secret {name} has no value: {file} is empty")
    return value
