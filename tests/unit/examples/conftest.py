"""A small real git repository to measure, built commit by commit with fixed people and times."""

import os
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

with warnings.catch_warnings():  # Luigi warns of a default of its own when it is first imported
    warnings.simplefilter("ignore", DeprecationWarning)
    import luigi  # noqa: F401

START = 1_767_225_600  # 2026-01-01T00:00:00Z
DAY = 86_400


@dataclass(frozen=True)
class Repository:
    """A git repository in a folder of the test."""

    path: Path

    def git(self, *arguments: str, day: int = 0, author: str = "Ada") -> str:
        """Run git as one person on one day, apart from whatever this machine has configured."""
        when = f"{START + day * DAY} +0000"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
        }
        who = ["-c", f"user.name={author}", "-c", f"user.email={author.split(maxsplit=1)[0].lower()}@example.org"]
        command = ["git", "-C", str(self.path), *who, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout.strip()

    def commit(self, message: str, files: dict[str, str | bytes], *, day: int = 0, author: str = "Ada") -> None:
        """Write files and commit everything."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all", day=day, author=author)
        self.git("commit", "--quiet", "--allow-empty", "--message", message, day=day, author=author)


@pytest.fixture
def empty_repository(tmp_path: Path) -> Repository:
    """A repository in which nothing was committed."""
    repository = Repository(tmp_path / "project")
    repository.path.mkdir()
    repository.git("init", "--quiet", "--initial-branch=main")
    return repository


@pytest.fixture
def repository(empty_repository: Repository) -> Repository:
    """Five commits: Ada writes and leaves, Grace and a bot go on a year later."""
    made = empty_repository
    engine = "def run(items):\n    for item in items:\n        if item:\n            print(item)\n"
    made.commit("start", {"src/engine.py": engine, "readme.md": "# Project\n", "yarn.lock": "x\n" * 50}, author="Ada")
    made.commit("fix: an empty list", {"src/engine.py": engine + "    return None\n"}, day=1, author="Ada")
    made.commit("speak", {"src/engine.py": engine + "    return 1\n"}, day=400, author="Grace Hopper")
    made.commit("Fixes the return", {"src/engine.py": engine + "    return 2\n"}, day=401, author="Grace Hopper")
    made.commit("bump", {"readme.md": "# Project\n\nNew.\n"}, day=402, author="renovate[bot]")
    return made
