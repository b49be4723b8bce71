"""Asks the person at the terminal what a run wants to know."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from spec_service.cli.answers import choices_of, fields_of, is_positive
from spec_service.cli.complaints import Complaint
from spec_service.cli.inputs import parsed
from spec_service.cli.printable import moment, one_line, shown
from spec_service.views import WaitingFor

Json = Any
JsonSchema = Mapping[str, Any]
LATER = "later"


class Later(Exception):
    """The person wants to answer another time."""


class Asker:
    """Asks on a terminal; whoever does not want to answer now writes `later`."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)

    def ask(self, question: WaitingFor) -> Json:
        """Show a question and return the answer, which the run still has to accept; raises `Later`."""
        self._show(question)
        with _interruptible():
            fields = fields_of(question.schema_)
            if not fields:
                return self._field("answer", question.schema_, is_required=True)
            required: set[str] = set(question.schema_.get("required") or ())
            answer: dict[str, Json] = {}
            for name, schema in fields.items():
                value = self._field(name, schema, is_required=name in required)
                if value is not None:
                    answer[name] = value
            return answer

    def tell(self, *lines: str) -> None:
        """Say what became of an answer."""
        for line in lines:
            self._console.print(Text(line, style="yellow"))

    def _show(self, question: WaitingFor) -> None:
        about = [*shown(question.description), ""] if question.description else []
        body = Text("\n".join([*about, *(shown(question.show) if question.show is not None else [])]))
        if question.expires_at is not None:
            body.append(f"\n\nto be answered until {moment(question.expires_at)}", style="dim")
        title = Text(one_line(question.title), style="bold yellow")
        hint = Text(f"{LATER} leaves it waiting", style="dim")
        self._console.print(Panel(body, title=title, subtitle=hint, title_align="left", subtitle_align="right"))

    def _field(self, name: str, schema: JsonSchema, *, is_required: bool) -> Json:
        """Return the value of a field, asked for until it can be understood; None when it is left out."""
        choices = choices_of(schema)
        while True:
            text = self._line(_prompt(name, schema, choices, is_required=is_required))
            if text == LATER:
                raise Later
            if not text and not is_required:
                return None
            if text or choices is None:
                try:
                    return _chosen(text, choices) if choices is not None else parsed(text, schema, name)
                except (Complaint, ValueError) as error:
                    self.tell(str(error))

    def _line(self, prompt: str) -> str:
        self._console.print(Text(prompt), end="")
        line = sys.stdin.readline()
        if not line:
            raise Later
        return line.strip()


def _prompt(name: str, schema: JsonSchema, choices: list[Json] | None, *, is_required: bool) -> str:
    about = schema.get("description")
    lead = f"{one_line(str(about))}\n" if about else ""
    leave_out = "" if is_required else " (Enter: none)"
    if choices is not None:
        listed = "".join(f"  {number} {_word(choice)}\n" for number, choice in enumerate(choices, 1))
        return f"{lead}{one_line(name)}:\n{listed}1-{len(choices)} or the word{leave_out}> "
    return f"{lead}{one_line(name)}{leave_out}> "


def _chosen(text: str, choices: list[Json]) -> Json:
    """Return the choice that a number, its word or the beginning of its word stands for; raises `ValueError`."""
    if text.isdecimal() and 1 <= int(text) <= len(choices) and text not in [_word(one) for one in choices]:
        return choices[int(text) - 1]
    exact = [one for one in choices if _word(one).lower() == text.lower()]
    near = exact or [one for one in choices if _word(one).lower().startswith(text.lower())]
    if len(near) == 1:
        return near[0]
    if text.lower() in {"y", "yes"} and (positive := [one for one in choices if is_positive(one)]):
        return positive[0]
    raise ValueError(f"choose one of: {', '.join(_word(one) for one in choices)}")


def _word(choice: Json) -> str:
    if isinstance(choice, bool):
        return "yes" if choice else "no"
    return one_line(choice) if isinstance(choice, str) else json.dumps(choice, ensure_ascii=False)


def is_too_late(question: WaitingFor) -> bool:
    """Tell whether nobody waits for this answer any more."""
    return question.expires_at is not None and question.expires_at <= datetime.now(UTC)


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl-C end the reading of a line at once; the event loop would only take note of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
