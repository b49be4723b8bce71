"""Conditions that keep a counter below a limit, read out of the text of `next`.

Only what is certain is read: comparisons that stand alone or are joined with `&&` (with `||` where the condition must
be false). Everything else guards nothing, and the planner then asks for a limit.
"""

import re
from dataclasses import dataclass

from translator.language.model import Next

_NUMBER = r"\d{1,15}(?:\.\d{1,6})?"
_LIMIT = rf"{_NUMBER}|inputs\.[A-Za-z_][A-Za-z0-9_]*"
_COMPARISON = re.compile(rf"state\.([A-Za-z_][A-Za-z0-9_]*)\s*(<=|<|>=|>)\s*({_LIMIT})")
_TURNED = re.compile(rf"({_LIMIT})\s*(<=|<|>=|>)\s*state\.([A-Za-z_][A-Za-z0-9_]*)")
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_LONGEST = 2_000  # characters of a condition that is read


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A channel that is below a limit, a number or `inputs.<name>`; `is_strict`: `<`, else `<=`."""

    channel: str
    limit: str
    is_strict: bool

    def __str__(self) -> str:
        """Write it as a condition."""
        return f"state.{self.channel} {'<' if self.is_strict else '<='} {self.limit}"


def ceilings(transition: Next | None) -> dict[int, tuple[Ceiling, ...]]:
    """Return what holds on each branch of `next`: its own condition does, and those before it do not."""
    if transition is None or not isinstance(transition, tuple):
        return {}
    found: dict[int, tuple[Ceiling, ...]] = {}
    refused: list[Ceiling] = []
    for number, branch in enumerate(transition):
        condition = _expression(branch.when) if isinstance(branch.when, str) else None
        own = _read(condition, "&&", "||", {}) if condition else []
        if own or refused:
            found[number] = (*own, *refused)
        if condition:
            refused += _read(condition, "||", "&&", _OPPOSITE)
    return found


def _expression(text: str) -> str | None:
    inner = text.strip()
    if len(inner) > _LONGEST or not (inner.startswith("${") and inner.endswith("}")):
        return None
    return None if "${" in inner[2:] else inner[2:-1]


def _read(condition: str, joint: str, other: str, turn: dict[str, str]) -> list[Ceiling]:
    """Read the comparisons that are joined by `joint`; none where `other` or a choice stands beside them."""
    condition = _bared(condition)
    if "?" in condition or len(_split(condition, other)) > 1:
        return []
    parts = _split(condition, joint)
    if len(parts) > 1:
        return [ceiling for part in parts for ceiling in _read(part, joint, other, turn)]
    return _comparison(condition, turn)


def _comparison(text: str, turn: dict[str, str]) -> list[Ceiling]:
    if match := _COMPARISON.fullmatch(text):
        channel, sign, limit = match.groups()
    elif match := _TURNED.fullmatch(text):
        limit, sign, channel = match.group(1), _MIRROR[match.group(2)], match.group(3)
    else:
        return []
    sign = turn.get(sign, sign)
    return [Ceiling(channel, limit, sign == "<")] if sign.startswith("<") else []


def _bared(text: str) -> str:
    """Take off brackets around the whole."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _depths(text)[:-1].count(0) == 0:
        text = text[1:-1].strip()
    return text


def _split(text: str, joint: str) -> list[str]:
    """Split at a joint of two characters that stands in no bracket and no quotes."""
    depths = _depths(text)
    cuts = [at for at in range(len(text) - 1) if text[at : at + 2] == joint and depths[at] == 0]
    edges = [0, *(at + 2 for at in cuts)]
    return [text[first:last] for first, last in zip(edges, [*cuts, len(text)], strict=True)]


def _depths(text: str) -> list[int]:
    """Return how deep in brackets or quotes each character stands; a closing one stands where its bracket does."""
    depths: list[int] = []
    depth = 0
    quote = ""
    is_escaped = False
    for character in text:
        if quote:
            depths.append(depth + 1)
            quote = "" if character == quote and not is_escaped else quote
            is_escaped = character == "\\" and not is_escaped
            continue
        if character in "\"'":
            quote = character
        if character in ")]}":
            depth -= 1
        depths.append(depth + (1 if quote else 0))
        if character in "([{":
            depth += 1
            depths[-1] = depth
    return depths
