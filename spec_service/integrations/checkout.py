"""The git checkout that a folder lies in: where it begins, and which commit it is at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.repo import Repo


@dataclass(frozen=True, slots=True)
class Checkout:
    """A working tree."""

    root: Path
    commit: str | None  # None: there is no commit yet


def find_checkout(folder: Path) -> Checkout | None:
    """Return the checkout that a folder lies in, None for a folder in none; reads, and starts no program."""
    try:
        with Repo.discover(str(folder)) as repository:
            if repository.bare:
                return None
            try:
                commit = repository.head().decode()
            except KeyError:
                commit = None
            return Checkout(Path(repository.path).resolve(), commit)
    except (NotGitRepository, OSError, ValueError):
        return None
