"""What is wrong with a catalog file, in sentences: where it stands, and what to write instead."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

Location = Sequence[str]

_HEADER = re.compile(r"\s*(\[[^\[\]]+\])\s*(#.*)?$")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*[.=]""")
_SYNTAX_LINE = re.compile(r"\s*\(at line (\d+), column (\d+)\)|\s*\(at end of document\)")

_WANTED = {
    "modules": 'a list of modules as Python imports them, such as ["pipelines.market"]',
    "path": 'a list of folders, such as ["."], relative to this file',
    "python": 'the path of an interpreter, such as ".venv/bin/python", relative to this file',
    "version": 'a version of three numbers, such as "1.4.0"',
    "workdir": '"run" (a private directory of each run) or the path of a folder',
    "poll": 'a duration above zero, such as "1m": between two looks at what nobody builds',
    "resources": "a table of whole numbers, such as {db = 2}: how much of each resource there is",
    "provider": 'the provider as LangChain calls it, such as "openai", or "fake"',
    "base_url": 'an address, such as "http://localhost:8000/v1"',
    "api_key": 'the name of a secret, such as "OPENAI_KEY", with a table [secrets.OPENAI_KEY]',
    "price_in": "a number of USD per million tokens, from 0",
    "price_out": "a number of USD per million tokens, from 0",
    "price_cached": "a number of USD per million tokens, from 0",
    "max_tokens": "a whole number, from 1",
    "max_bytes": 'a size of at least 1 KiB, such as "8MiB"',
    "temperature": "a number from 0 to 2",
    "streaming": "true or false",
    "retries": "a whole number from 0 to 10",
    "script": 'a list of answers, such as [{text = "Done."}]: with `text`, `json`, `calls` or `error` each',
    "folder": 'the path of a folder, such as "prompts", relative to this file',
    "requires_approval": 'a list of tools of the group, such as ["fetch"]',
    "env": 'names of environment variables, such as ["MARKET_DB"]',
    "secrets": 'names of secrets, such as ["SEARCH_KEY"]',
    "file": 'the path of a file, such as "search.key", relative to this file',
    "limits": 'a table, such as {cpu_seconds = 600, memory = "2GiB", file_size = "1GiB", processes = 64}',
    "sandbox": '"bwrap" (bubblewrap: it writes only where it works), or not there at all',
    "bootstrap": 'a callable in a module, such as "pipelines.setup:prepare"',
    "command": 'a program and its arguments, such as ["python", "./harness.py"]; `./` is beside this file',
    "args": 'a list of further arguments, such as ["--read-only"]',
    "url": 'an address, such as "https://mcp.example.com/mcp"',
    "headers": 'a table of texts, such as {Authorization = "Bearer {SEARCH_KEY}"}: a secret by its name in braces',
    "cwd": "the path of a folder, relative to this file",
    "timeout": 'a duration above zero, such as "30s"',
    "protocol": '"stdio" (with a `command`) or "http" (with a `url`)',
    "description": "a text",
    "instructions": 'the path of a text file, such as "AGENTS.md", relative to this file',
    "model": "the name of a model",
    "cpu_seconds": "a whole number of seconds, from 1",
    "memory": 'a size of at least 64 MiB, such as "2GiB"',
    "file_size": 'a size of at least 1 MiB, such as "1GiB"',
    "processes": "a whole number, from 0",
}
_DEPTH_OF_KEYS = 3  # tools, web, modules
_MISSING = {
    "provider": 'add `provider = "openai"`, or another one',
    "folder": 'add `folder = "prompts"`',
    "modules": 'add `modules = ["your.module"]`',
}


class Mistakes:
    """Collects mistakes; as text, one line each: `file:line: what is wrong: what to do`."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._places = _places(text)
        self._found: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._found)

    def __str__(self) -> str:
        return "\n".join(text for _, text in sorted(self._found))

    def add(self, location: Location, message: str) -> None:
        """Note a mistake at a key or a table."""
        line = self._line(location)
        where = f"{self._path}:{line}" if line else str(self._path)
        self._found.append((line or 0, f"{where}: {message}"))

    def add_invalid(self, mistake: ErrorDetails, known: tuple[str, ...]) -> None:
        """Note what pydantic found; `known` are the keys that may stand there."""
        kind, message, location = mistake["type"], mistake["msg"], [str(one) for one in mistake["loc"]]
        table = f"[{'.'.join(location[:2])}]" if len(location) > 1 else "the top of the file"
        key, depth = location[-1], 2  # of the key in its table: what lies deeper is an item of a list
        if len(location) > _DEPTH_OF_KEYS and location[2] == "limits":
            table, depth = f"`limits` of {table}", 3
        if kind == "extra_forbidden":
            is_group = isinstance(mistake["input"], dict) and len(location) == _DEPTH_OF_KEYS
            hint = _quoting(location) if is_group else _nearest(key, known)
            self.add(location, f"{table} has an unknown key `{key}`: {hint}")
        elif kind == "missing":
            self.add(location[:-1], f"{table} has no `{key}`: {_MISSING.get(key, 'add it')}")
        elif kind == "value_error":
            self.add(location, f"{table} {message.removeprefix('Value error, ')}")
        elif len(location) < _DEPTH_OF_KEYS:
            self.add(location, f"`{'.'.join(location)}` must be a table: write [{location[0]}.NAME]")
        else:
            wanted = _WANTED.get(location[depth], "something else: " + message)
            self.add(location, f"`{location[depth]}` of {table} must be {wanted}")

    def of_syntax(self, message: str) -> str:
        """Return the sentence for a text that is no TOML at all."""
        place = _SYNTAX_LINE.search(message)
        where = f":{place[1]}:{place[2]}" if place and place[1] else ""
        said = _SYNTAX_LINE.sub("", message)
        return f"{self._path}{where}: this is not TOML: {said}"

    def _line(self, location: Location) -> int | None:
        path = tuple(location)
        return next((self._places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._places), None)


def _places(text: str) -> dict[tuple[str, ...], int]:
    """Map tables and keys to their lines, from 1; tomllib gives no positions, and what is missed here has no line."""
    places: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            table = _header_path(header[1]) or table
            for depth in range(1, len(table) + 1):
                places.setdefault(table[:depth], number)
        elif key := _KEY.match(line):
            places.setdefault((*table, key[1] or key[2] or key[3] or ""), number)
    return places


def _header_path(header: str) -> tuple[str, ...]:
    try:
        table: Any = tomllib.loads(header)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while table:
        name, table = next(iter(table.items()))
        path.append(name)
    return tuple(path)


def _nearest(key: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"known are {', '.join(f'`{one}`' for one in known)}"


def _quoting(location: Location) -> str:
    """Explain dotted names: TOML takes `[tools.my.group]` for a table inside `my`."""
    return f'a group called {".".join(location[1:])} is written [{location[0]}."{".".join(location[1:])}"]'
