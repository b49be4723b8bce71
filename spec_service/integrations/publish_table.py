"""The table `[publish]` of the catalog file: to which repository specs are committed, and as whom."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from spec_service.publishing import is_author, is_safe_path
from workflows.catalog_file import CatalogFileError

_BRANCH = re.compile(r"(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)))[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}(?<![./])")


@dataclass(frozen=True, slots=True)
class PublishTarget:
    """Where specs are committed to."""

    repository: str  # an absolute path, or a URL with http: or https:
    branch: str
    root: str  # folder inside of it, "" for its top; no publication leaves it
    author: str  # "Name <mail>", also the committer
    username: str | None = None  # for http: and https:
    token_env: str | None = None  # variable that holds the password or token

    @property
    def is_remote(self) -> bool:
        """Tell whether it is reached over the network."""
        return self.repository.startswith(("http://", "https://"))


def _checked(is_right: bool, rule: str) -> None:  # noqa: FBT001 - what was found out
    if not is_right:
        raise PydanticCustomError("publish", "{rule}", {"rule": rule})


def _repository(text: str) -> str:
    scheme = urlsplit(text).scheme if "://" in text else ""
    is_ssh = not scheme and re.match(r"[^/]+@[^/]+:", text) is not None
    known = scheme in ("", "file", "http", "https") and not is_ssh
    _checked(known, "is a path, or a URL with file:, https: or http:")
    _checked("@" not in urlsplit(text).netloc, "holds no user and no password: use `username` and `token_env`")
    return text


def _branch(text: str) -> str:
    _checked(_BRANCH.fullmatch(text) is not None, "is the name of a branch, like `main`")
    return text


def _root(text: str) -> str:
    _checked(not text or is_safe_path(text), "is a folder inside the repository, like `specs`")
    return text


def _author(text: str) -> str:
    _checked(is_author(text), "is like `Specloom <specloom@example.org>`")
    return text


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    repository: Annotated[str, StringConstraints(min_length=1), AfterValidator(_repository)]
    branch: Annotated[str, AfterValidator(_branch)] = "main"
    root: Annotated[str, AfterValidator(_root)] = ""
    author: Annotated[str, AfterValidator(_author)] = "Specloom <specloom@localhost>"
    username: str | None = None
    token_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None


def read_publish_table(path: Path) -> PublishTarget | None:
    """Return what the file says about publishing, None when it says nothing; raises `CatalogFileError`.

    The file is one that `read_catalog_file` has taken.
    """
    try:
        given = tomllib.loads(path.read_text("utf-8-sig")).get("publish")
    except FileNotFoundError:
        return None
    if given is None:
        return None
    try:
        table = _Table.model_validate(given)
    except ValidationError as error:
        told = [
            f"`{'.'.join(str(one) for one in problem['loc']) or 'publish'}`: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
        raise CatalogFileError(f"{path}: the table [publish] has mistakes: {'; '.join(told)}") from None
    return PublishTarget(
        _placed(table.repository, path.absolute().parent),
        table.branch,
        table.root.strip("/"),
        table.author,
        table.username,
        table.token_env,
    )


def _placed(repository: str, folder: Path) -> str:
    """Return a path made absolute, or the URL as it is."""
    if repository.startswith(("http://", "https://")):
        return repository.rstrip("/")
    return str((folder / repository.removeprefix("file://")).absolute())
