"""The tokens of an expression, and where a `${ … }` ends.

Only as much of CEL is read here as is needed to tell names from strings and to match brackets; whether the tokens
make sense is for the engine to say.
"""

import re
from typing import NamedTuple

MAX_EXPRESSION = 4096
"""Code points between the braces; the engine's work to check an expression grows with it."""

_TOKEN = re.compile(
    r"""
      [ \t\r\n\f]+ | //[^\n]*
    | (?P<raw>(?:[rR][bB]?|[bB][rR])(?:"{3}.*?"{3}|'{3}.*?'{3}|"[^"\r\n]*"|'[^'\r\n]*'))
    | (?P<string>[bB]?(?:"{3}(?:[^\\]|\\.)*?"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))
    | (?P<broken>["'])
    | (?P<number>0x[0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>[-+*/%<>=!&|?:.,()\[\]{}])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BRACES = {"{": 1, "}": -1}


class Token(NamedTuple):
    """Hold one token: `kind` is `name`, `string`, `raw`, `number`, `mark`, `broken` (an open string) or `other`."""

    kind: str
    text: str
    start: int
    end: int


class Lexed(NamedTuple):
    """Hold the tokens between the braces; `closing` is the offset of the closing brace, None where there is none."""

    tokens: list[Token]
    closing: int | None


def lex(text: str, start: int) -> Lexed:
    """Read the tokens from `start` to the brace that closes the expression; offsets are code points in `text`.

    Spaces and comments are left out. Stops at a string that never ends, and a little after `MAX_EXPRESSION`.
    """
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text, start, start + MAX_EXPRESSION + 2):  # some alternative matches everywhere
        kind = match.lastgroup
        if kind is None:  # a space or a comment
            continue
        token = Token(kind, match.group(), match.start(), match.end())
        if kind == "mark":
            depth += _BRACES.get(token.text, 0)
            if depth < 0:
                return Lexed(found, token.start)
        found.append(token)
        if kind == "broken":
            break
    return Lexed(found, None)


def plain_text(token: Token) -> str | None:
    """Return what a string token says, or None where it has escapes or is no ordinary string."""
    quoted = token.text
    if token.kind != "string" or quoted[0] not in "\"'" or "\\" in quoted or quoted[:3] in ('"""', "'''"):
        return None
    return quoted[1:-1]
