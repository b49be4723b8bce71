"""The door of the language: bytes come in, a positioned document or the problems of the text go out.

Encoding, size and hidden characters are looked at here, before any parser guesses.
"""

import codecs
from typing import Literal

from translator.language.document import Document, line_starts, position_at
from translator.language.garbage import collector_paused
from translator.language.json_reader import read_json_text
from translator.language.problems import MAX_PROBLEMS, Problem, ordered, problem_at
from translator.language.tree_builder import BODY_LIMITS, FORBIDDEN, SPEC_LIMITS, ReadLimits

_UTF16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def read(data: bytes, media: Literal["yaml", "json"], *, limits: ReadLimits = SPEC_LIMITS) -> Document | list[Problem]:
    """Read a spec; return the document, or what is wrong with its text, in the order of the text."""
    text = _decoded(data, limits)
    if isinstance(text, list):
        return text
    with collector_paused():
        found = read_json_text(text, limits) if media == "json" else _read_yaml(text, limits)
    return ordered(found) if isinstance(found, list) else found


def read_json(data: bytes, limits: ReadLimits = BODY_LIMITS) -> Document | list[Problem]:
    """Read the JSON body of a request as strictly as a spec; return the document or the problems of the text."""
    return read(data, "json", limits=limits)


def _read_yaml(text: str, limits: ReadLimits) -> Document | list[Problem]:
    # JSON bodies at other doors need no YAML
    from translator.language.yaml_reader import read_yaml  # noqa: PLC0415

    return read_yaml(text, limits)


def _decoded(data: bytes, limits: ReadLimits) -> str | list[Problem]:
    if len(data) > limits.size:
        return [Problem("body-too-large", f"more than {limits.size:,} bytes", suggestion="send less")]
    if data.startswith(_UTF16_OR_32) or (b"\0" in data[:2] and len(data) > 1):
        return [_encoding_problem("", "the text is UTF-16 or UTF-32")]
    if data.startswith(codecs.BOM_UTF8):
        return [_encoding_problem("", "the text begins with a byte order mark")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        return [_encoding_problem(before, "a byte here is not UTF-8")]
    return _hidden_characters(text) or text


def _encoding_problem(before: str, message: str) -> Problem:
    position = position_at(line_starts(before), len(before))
    return problem_at(position, "bad-encoding", message, suggestion="save the text as UTF-8, without a byte order mark")


def _hidden_characters(text: str) -> list[Problem]:
    """Report characters that no text may have raw, not even in a comment: they may hide what stands beside it."""
    found: list[Problem] = []
    starts: list[int] = []
    for match in FORBIDDEN.finditer(text):
        starts = starts or line_starts(text)
        position = position_at(starts, match.start())
        message = f"the character U+{ord(match.group()):04X}, which nobody sees"
        found.append(problem_at(position, "control-character", message, suggestion="remove the character"))
        if len(found) >= MAX_PROBLEMS:
            break
    return found
