"""Where in its text a code point of a scalar stands: through quotes, escapes, folding and block indentation.

Readers give the value of a scalar and where it starts. Here the text is walked once more beside the value, only when a
problem inside the scalar is to be shown, so reading pays nothing for it.
"""

import re

_SPACES = re.compile(r"[ \t\r\n]+")
_INDENT = re.compile(r" *")
_SURROGATE_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}


def place_in_scalar(text: str, start: int, value: str, offset: int) -> int:
    """Return the offset in `text` of code point `offset` of the scalar `value` that starts at `start`.

    Exact for plain, quoted and block scalars of YAML and for texts of JSON; where a line break was folded away, the
    nearest earlier place. An `offset` beyond the end gives the last place.
    """
    wanted = max(0, min(offset, len(value) - 1))
    if not value or start >= len(text):
        return min(start, len(text))
    if text[start] in "|>":
        return _in_block(text, start, value, wanted)
    if text[start] in "\"'":
        return _in_flow(text, start + 1, wanted, quote=text[start])
    return _in_flow(text, start, wanted, quote="")


def _in_flow(text: str, at: int, wanted: int, quote: str) -> int:
    """Walk along a plain or quoted scalar; each turn takes some of the text and what it stands for."""
    done = 0
    while at < len(text):
        length, taken = _piece(text, at, quote)
        if done + length > wanted:
            return at + (wanted - done if length == taken else 0)  # what stands for itself is counted inside
        done, at = done + length, at + taken
    return max(at - 1, 0)


def _piece(text: str, at: int, quote: str) -> tuple[int, int]:
    """Return how many code points of the value come next, and how many of the text stand for them."""
    character = text[at]
    if quote == '"' and character == "\\":
        return _escape(text, at)
    if quote == "'" and text.startswith("''", at):
        return 1, 2
    if character in " \t\r\n":
        return _spaces(text, at)
    return 1, 1


def _escape(text: str, at: int) -> tuple[int, int]:
    kind = text[at + 1 : at + 2]
    if _SURROGATE_PAIR.match(text, at):
        return 1, 12
    if kind in "\r\n":  # an escaped line break joins two lines without anything between them
        spaces = _SPACES.match(text, at + 1)
        run = spaces.group() if spaces else ""
        breaks = _breaks(run)
        return max(breaks - 1, 0), 1 + len(run)
    return 1, _ESCAPE_LENGTHS.get(kind, 2)


def _spaces(text: str, at: int) -> tuple[int, int]:
    """Fold a run of white space: without a line break it is itself, one break is a space, more are one less."""
    spaces = _SPACES.match(text, at)
    run = spaces.group() if spaces else text[at]
    breaks = _breaks(run)
    if breaks == 0:
        return len(run), len(run)
    return max(breaks - 1, 1), len(run)


def _breaks(run: str) -> int:
    return run.replace("\r\n", "\n").replace("\r", "\n").count("\n")


def _in_block(text: str, start: int, value: str, wanted: int) -> int:
    """Walk along the lines of a block scalar, and along the value; a folded break is one space or nothing."""
    lines = _lines_after(text, start)
    indent = _indentation(text, lines, value)
    done, last = 0, start
    for begin, end in lines:
        content = min(begin + indent, end)
        length = end - content
        if done + length > wanted:
            return content + wanted - done
        done, last = done + length, end
        if value[done : done + 1] in (" ", "\n") and done < len(value):
            if done == wanted:
                return end
            done += 1
    return last


def _lines_after(text: str, start: int) -> list[tuple[int, int]]:
    """Return begin and end of the lines after the one of `start`, line breaks apart."""
    lines: list[tuple[int, int]] = []
    at = _next_line(text, start)
    while at < len(text):
        following = _next_line(text, at)
        lines.append((at, at + len(text[at:following].rstrip("\r\n"))))
        at = following
    return lines


def _next_line(text: str, at: int) -> int:
    end = re.compile(r"\r\n|\r|\n").search(text, at)
    return end.end() if end else len(text)


def _indentation(text: str, lines: list[tuple[int, int]], value: str) -> int:
    """Return how many spaces of each line are indentation: those that the first line with something has too many."""
    first = next((line.lstrip("\n") for line in [value] if line.strip("\n")), "")
    for begin, end in lines:
        if text[begin:end].strip(" "):
            return _leading_spaces(text[begin:end]) - _leading_spaces(first)
    return 0


def _leading_spaces(line: str) -> int:
    indent = _INDENT.match(line)
    return indent.end() if indent else 0
