"""How much work an evaluation may be, estimated before it is begun.

The engine's own budget bounds loop iterations, not what one iteration costs: a comparison may walk a long list, a sum
of texts may copy megabytes, and `[x].map(a, [a, a]).map(b, [b, b])` doubles with every step.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from translator.language.lexing import Token
from translator.language.naming import Loop

LIGHT = 2**20
"""Byte-steps that are evaluated at once: some 10 ms at the most."""
_ITERATIONS = 10_000  # the engine stops there
_MATCHING = 16  # a regular expression over 64 KiB is the most that is evaluated at once
_COPYING = 16  # a step of copying text is that much cheaper than a step of a loop
_FEW = 4  # a value that stands so often in a result does no harm, whatever its size
_ITEM = 8


class Effort(NamedTuple):
    """Hold what the shape of an expression says about its cost: nested loops, copies, doublings."""

    depth: int
    growth: int
    additions: int
    uses: int
    literals: int
    length: int
    is_matching: bool

    @property
    def may_be_heavy(self) -> bool:
        """Tell whether it depends on the values at all."""
        return bool(self.depth or self.additions or self.is_matching or self.uses > _FEW)

    def is_heavy(self, values: Iterable[Any]) -> bool:
        """Tell whether an evaluation over these values may take too long, or too much memory, to be done at once."""
        if not self.may_be_heavy:
            return False
        size, items = self.length, self.literals
        for value in values:
            more = _measure(value)
            size, items = size + more[0], items + more[1]
        copies = (1 + self.additions) ** 2 + self.uses
        if not self.depth:
            return size * max(copies // _COPYING, _MATCHING if self.is_matching else 0) > LIGHT
        rounds = min(_ITERATIONS, max(1, items) ** self.depth)
        return rounds * self.growth * size * copies * (_MATCHING if self.is_matching else 1) > LIGHT


def effort_of(tokens: list[Token], loops: tuple[Loop, ...], uses: int) -> Effort:
    """Read the effort off the tokens of an expression and its loops; `uses` is how often bound values stand in it."""
    growth = 1
    for loop in loops:
        growth *= max(1, sum(token.text == loop.variable for token in tokens[loop.first : loop.last + 1]))
    return Effort(
        depth=_deepest(loops),
        growth=growth,
        additions=sum(token.text == "+" for token in tokens),
        uses=uses,
        literals=1 + sum(token.text == "," for token in tokens),
        length=tokens[-1].end - tokens[0].start if tokens else 0,
        is_matching=any(token.text == "matches" for token in tokens),
    )


def _deepest(loops: tuple[Loop, ...]) -> int:
    return max((sum(other.first <= loop.first <= other.last for other in loops) for loop in loops), default=0)


def _measure(value: Any) -> tuple[int, int]:
    """Return bytes and items of a JSON value, counting no further than what is heavy anyhow."""
    size = items = 0
    waiting: list[Any] = [value]
    while waiting and size < LIGHT:
        value = waiting.pop()
        size += _ITEM
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list | Mapping):
            inner = cast("list[Any] | Mapping[str, Any]", value)
            items += len(inner)
            if size + len(inner) * _ITEM >= LIGHT:
                return LIGHT, items
            waiting.extend(inner)
            waiting.extend(inner.values() if isinstance(inner, Mapping) else ())
    return size, items
