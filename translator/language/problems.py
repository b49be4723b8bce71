"""A problem: what is wrong, where it is, and what to do about it.

No message and no suggestion ever holds a value of the input: logs and answers must not spread what somebody put into
the wrong place.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from translator.language.document import Position
from translator.language.problem_kinds import KINDS

MAX_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its kind's `name`, a `message` of its own, and its place in the text if there is a text.

    `path` is a JSON pointer; `line` and `column` count from 1, columns in code points.
    """

    name: str
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    suggestion: str | None = None

    @property
    def code(self) -> str | None:
        """Return the code of the kind, such as E304; None for kinds of doors and runs, which have a name only."""
        kind = KINDS.get(self.name)
        return kind.code if kind else None

    @property
    def is_advice(self) -> bool:
        """Tell whether this is advice (W6xx), which refuses nothing."""
        code = self.code
        return code is not None and code.startswith("W")

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: code, name, path, line, column, message, suggestion."""
        return {
            "code": self.code,
            "name": self.name,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "suggestion": self.suggestion,
        }


def problem_at(position: Position, name: str, message: str, path: str = "", suggestion: str | None = None) -> Problem:
    """Make a problem that stands at `position`."""
    return Problem(name, message, path, position.line, position.column, suggestion)


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Return at most MAX_PROBLEMS problems in the order of the text, each once; those without a place come last."""
    distinct = dict.fromkeys(problems)
    return sorted(distinct, key=lambda problem: (problem.line or 1 << 60, problem.column or 0))[:MAX_PROBLEMS]


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that `word` was probably meant to be, or None when none is near."""
    if len(word) > 200:  # noqa: PLR2004 - comparing costs the product of the lengths, and no name is that long
        return None
    known = {choice.casefold(): choice for choice in choices}
    close = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return known[close[0]] if close else None


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return the sentence that suggests the nearest of `choices`, or None when none is near."""
    near = nearest(word, choices)
    return f"did you mean {near}?" if near is not None else None
