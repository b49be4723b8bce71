"""The reference of the command line: what each command takes, as its `--help` says it."""

from __future__ import annotations

from typing import Any

import typer.main

from docs.generating.markdown import NOTHING, code, fenced, joined, table
from spec_service.cli.app import COMMANDS, build_app


def commands() -> str:
    """Return a section for each command, under the headings of `specloom --help`."""
    group: Any = typer.main.get_command(build_app())
    order = [(heading, function.__name__.strip("_")) for heading, found in COMMANDS.items() for function in found]
    names = {name.replace("_", "-"): heading for heading, name in order}
    sections: list[str] = []
    last = ""
    for name, command in group.commands.items():
        heading = names.get(name, last)
        if heading != last:
            sections.append(f"## {heading}")
            last = heading
        sections.append(_section(name, command))
    return joined(sections)


def _section(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    words = [_place(one) for one in arguments]
    usage = " ".join(["specloom", name, *words, *(["[OPTIONS]"] if options else [])])
    rows = [[_spelling(one), _meaning(one)] for one in [*arguments, *options]]
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    return joined(
        [f"### `specloom {name}`", text, fenced(usage, "text"), table(("option", "meaning"), rows) if rows else ""]
    )


def _place(argument: Any) -> str:
    shown = argument.metavar or argument.name.upper()
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _spelling(one: Any) -> str:
    if one.param_type_name == "argument":
        return code(_place(one))
    value = "" if one.is_flag else f" {one.metavar or _kind(one)}"
    return ", ".join(code(spelling + value) for spelling in (*one.opts, *one.secondary_opts))


def _kind(one: Any) -> str:
    return {"int": "NUMBER", "Path": "PATH"}.get(one.type_descriptor.annotation.__name__, "TEXT")


def _meaning(one: Any) -> str:
    said = " ".join((getattr(one, "help", None) or "").split())
    is_telling = one.default not in (None, False, ()) and not callable(one.default)
    default = f"Default: {code(str(one.default))}." if is_telling else ""
    return " ".join(part for part in (said, default) if part) or NOTHING
